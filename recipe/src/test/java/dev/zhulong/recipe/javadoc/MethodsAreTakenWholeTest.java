package dev.zhulong.recipe.javadoc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.time.Duration;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MethodsAreTakenWholeTest {
    private static final int LONG = 100_000;
    private static final String HARD = """
            package example;

            /** A class, which is no method. */
            @Deprecated
            public final class Hard<T extends Comparable<? super T>> implements Runnable {
                /** A field with a value. */
                private final int[] field = {1, 2};

                /** A constructor, which is none either. */
                public Hard() { field[0] = '{'; }

                /**
                 * Has a hard head; and more.
                 *
                 * @param a of {@code int}
                 * @return an array
                 */
                @SuppressWarnings({"unchecked", "}{"}) // } not here
                @example.Marked(value = @Other({1, 2}), c = '}')
                public static synchronized <K extends Map<String, List<K>> & Runnable, V> java.util.Map.@Nullable Entry<K, V[]>[] hard(
                        final K a, /* ) { */ int... rest)[] throws java.io.IOException, @Other Error {
                    String s = "} \\" {"; // {
                    char c = '\\'', d = '"', e = '{';
                    String block = \"""
                        } "quoted" \\\""" {
                        \""";
                    Runnable r = () -> { /* { */ };
                    return new Object() {
                        /** Is in a class without a name. */
                        @Override public String toString() { return s; }
                    };
                }

                /** Has no body at all. */
                abstract void none();

                /** Is foreign to Java. */
                native int foreign() throws Error;

                /** Is a record of two. */
                record Pair(int a, int b) { }

                /** Is a kind of note. */
                @interface Note { /** Has a default value. */ int value() default 1; }

                enum Kind {
                    /** Is a constant with a body. */
                    ONE(1) { void f() { } };
                }

                /** Is replaced by the next. */
                /** Runs once and ends. */
                public void run() { }

                // no comment of its own
                void bare() { }

                /* Is no Javadoc at all. */
                void plain() { }

                /** Compares by shifting: {@code a >>> 1}. */
                <A> boolean shift(int a, Outer<A>.Inner<List<List<A>>> b) { return a >>> 1 > 2 && a < 3; }
            }
            """;

    @Test
    void whateverStandsInThem() {
        List<DocumentedMethod> methods = DocumentedMethod.all(HARD, LONG);
        assertThat(methods).extracting(DocumentedMethod::sentence).containsExactly("Has a hard head; and more.", "Is in a class without a name.",
                "Runs once and ends.", "Compares by shifting: a >>> 1.");
        assertThat(methods.get(0).method()).startsWith("@SuppressWarnings({\"unchecked\", \"}{\"}) // } not here\n@example.Marked(")
                .contains("\n    String s = \"} \\\" {\"; // {\n").endsWith("\n    };\n}");
        assertThat(methods.get(1).method()).isEqualTo("@Override public String toString() { return s; }");
        assertThat(methods.get(2).method()).isEqualTo("public void run() { }");
        assertThat(methods.get(3).method()).startsWith("<A> boolean shift(").endsWith("a < 3; }");
    }

    @Test
    void longerOnesAreLeftOut() {
        assertThat(DocumentedMethod.all(HARD, 60)).extracting(DocumentedMethod::sentence).containsExactly("Is in a class without a name.",
                "Runs once and ends.");
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "class A { /** Returns one of them. */ int one() { return 1; }",
        "class A { /** Returns one of them. */ int one() { return 1; } } }",
        "class A { /** Returns one of them. */ int one() { return (1; } }",
        "class A { /** Returns one of them. */ int one() { return [1); } }",
        "class A { /** Returns one of them. */ int one() { return 1; } String s = \"open; }",
        "class A { /** Returns one of them. */ int one() { return 1; } String s = \"\"\"open\"; }",
        "class A { /** Returns one of them. */ int one() { return 1; } char c = 'open; }",
        "class A { /** Returns one of them. */ int one() { return 1; } } /* open",
        "class A { /** Returns one of them. */",
        "class A { /** Returns one of them. */ int one(",
        "/** */", "/**", "/***/", "/**/", "/*", "\\", "'", "\"", "", "@", "/** A b. */ @", "/** A b. */ < > ( ) { }",
        "class A { /** Returns one of them. */ new One() { } }",
        "class A { { /** Says something here. */ if (true) { } else if (x) { } return f(1) ; } }",
    })
    void textThatIsNoMethodHasNone(String text) {
        assertThat(DocumentedMethod.all(text, LONG)).isEmpty();
    }

    @Test
    void noMutilationDoesMoreThanLoseMethods() {
        var random = new SplittableRandom(11);
        String signs = "{}()[]<>@\"'\\/*.,;\n ";
        for (int i = 0; i < 20_000; i++) {
            var text = new StringBuilder(HARD.substring(0, random.nextInt(HARD.length() + 1)));
            for (int edits = random.nextInt(4); edits > 0 && !text.isEmpty(); edits--) {
                int at = random.nextInt(text.length());
                switch (random.nextInt(3)) {
                    case 0 -> text.deleteCharAt(at);
                    case 1 -> text.insert(at, signs.charAt(random.nextInt(signs.length())));
                    default -> text.setCharAt(at, signs.charAt(random.nextInt(signs.length())));
                }
            }
            assertThatCode(() -> {
                for (DocumentedMethod method : DocumentedMethod.all(text.toString(), LONG)) {
                    assertThat(method.sentence()).contains(" ");
                    assertThat(method.method()).endsWith("}");
                }
                DocumentedMethod.first(text.toString());
            }).doesNotThrowAnyException();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"/** a b */ <", "/** a b */ public ", "/** a b */ @A ", "/** a b */ void f(){ ", "/** {@a {@a {@a ", "/** a b */ int[",
        "{", "(", "{@link ", "/** <", "/** &", "/** a b */ A.", "//", "/**/", "'\\"})
    void repetitionTakesNoLongerThanItsLength(String piece) {
        String open = piece.repeat(400_000 / piece.length());
        String nested = open + "}".repeat((int) open.chars().filter(c -> c == '{').count());
        Assertions.assertTimeoutPreemptively(Duration.ofSeconds(20), () -> {
            DocumentedMethod.all(open, 1000);
            DocumentedMethod.all(nested, 1000);
            DocumentedMethod.all(open + "*/", 1000);
            DocumentedMethod.first(open);
        });
    }

    @Test
    void whatAModelWritesEndsWithItsFirstMethod() {
        assertThat(DocumentedMethod.first("int a() { return f(\"}\"); }\n\nint b() { }")).isEqualTo("int a() { return f(\"}\"); }");
        assertThat(DocumentedMethod.first("int a() {\n    if (b) { c(); }\n}\n}\n")).isEqualTo("int a() {\n    if (b) { c(); }\n}");
        assertThat(DocumentedMethod.first("int a() { return \"open")).isEqualTo("int a() { return \"open");
        assertThat(DocumentedMethod.first("")).isEmpty();
    }
}
