package dev.zhulong.infer.constrain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.OffsetTime;
import java.util.SplittableRandom;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RegularExpressionsMatchAsInJavaTest {
    private static final String[] CHARACTERS = {"a", "b", "c", "1", "-", "é", "烛", "😀", "_", "."};
    private static final String[] ATOMS = {"a", "b", "c", "é", "😀", ".", "\\d", "\\w", "[ab]", "[^a]", "[a-c1]", "[^\\d.]", "\\.", "\\W", "[\\w-]", "\\u70db", "\\p{L}", "\\P{Lu}", "\\p{IsHan}",
        "[\\p{Nd}x]"};
    private static final String[] QUANTIFIERS = {"*", "+", "?", "{2}", "{1,}", "{0,2}", "{2,3}", "*?", "+?", "??", "{1,2}?"};

    @Test
    void textsMatchOrNotAsTheyDoInJava() {
        var random = new SplittableRandom(1);
        int matched = 0;
        for (int i = 0; i < 250; i++) {
            String pattern = pattern(random, 3);
            Constraint constraint = Texts.regex(pattern);
            Constraint within = Constraint.jsonSchema("{\"type\":\"string\",\"pattern\":" + JsonText.quoted(pattern) + "}", Texts.TOKENS);
            Pattern java = Pattern.compile(pattern);
            for (int j = 0; j < 60; j++) {
                var text = new StringBuilder();
                for (int k = random.nextInt(6); k > 0; k--) {
                    text.append(CHARACTERS[random.nextInt(CHARACTERS.length)]);
                }
                boolean matches = java.matcher(text).matches();
                matched += matches ? 1 : 0;
                assertThat(Texts.whole(constraint, text.toString())).as("%s in %s", text, pattern).isEqualTo(matches);
                assertThat(Texts.whole(within, '"' + text.toString() + '"')).as("%s holds %s", text, pattern).isEqualTo(java.matcher(text).find());
            }
        }
        assertThat(matched).isGreaterThan(300);
    }

    private static String pattern(SplittableRandom random, int depth) {
        var out = new StringBuilder();
        for (int i = random.nextInt(1, 4); i > 0; i--) {
            String atom = depth > 0 && random.nextInt(3) == 0
                    ? (random.nextBoolean() ? "(" : "(?:") + pattern(random, depth - 1) + (random.nextBoolean() ? "|" + pattern(random, depth - 1) : "") + ")"
                    : ATOMS[random.nextInt(ATOMS.length)];
            out.append(atom);
            if (random.nextInt(3) == 0) {
                out.append(QUANTIFIERS[random.nextInt(QUANTIFIERS.length)]);
            }
        }
        return out.toString();
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "(a)\\1 ; 3 ; back-references", "a(?=b) ; 1 ; (?:...)", "(?<!a)b ; 0 ; (?:...)", "(?i)a ; 0 ; (?:...)", "(?<n>a) ; 0 ; (?:...)",
        "a+?* ; 3 ; nothing before", "a*+ ; 2 ; possessive", "\\p{Greek} ; 0 ; the property Greek", "\\pL ; 0 ; \\p{L}", "\\p{L ; 0 ; \\p{L}", "\\p{C} ; 0 ; the property C", "\\bfoo ; 0 ; \\b", "a{2,1} ; 1 ; most is less", "a{1001} ; 2 ; more than 1000",
        "a{x} ; 2 ; number of repeats", "a{2 ; 1 ; quantifier reads", "*a ; 0 ; nothing before", "a** ; 2 ; after a quantifier", "(a ; 0 ; without its )",
        "a) ; 1 ; without its (", "[a ; 0 ; without its ]", "[] ; 0 ; empty class", "[z-a] ; 1 ; range", "[\\d-z] ; 1 ; range", "[a[b]] ; 2 ; differ",
        "[a&&b] ; 2 ; differ", "\\ ; 0 ; nothing after", "\\u12 ; 0 ; hexadecimal", "\\ud83d ; 0 ; surrogate", "a^b ; 1 ; anchor", "(a$)b ; 2 ; anchor",
        "a$b ; 1 ; anchor", "\\Aa ; 0 ; \\A", "é(?#x) ; 1 ; (?:...)"})
    void whatIsNotSupportedIsNamedWithItsPosition(String pattern, int position, String what) {
        assertThatIllegalArgumentException().isThrownBy(() -> Texts.regex(pattern))
                .withMessageContaining(what).withMessageContaining("(at position " + position + ")").withMessageNotContaining("\n");
    }

    @Test
    void patternsThatMatchNothingOrTooMuchAreErrors() {
        assertThatIllegalArgumentException().isThrownBy(() -> Texts.regex("a[^\\s\\S]")).withMessageContaining("matches no text");
        assertThatIllegalArgumentException().isThrownBy(() -> Texts.regex("((a{1000}){1000}){1000}")).withMessageContaining("smaller bounds");
        assertThatIllegalArgumentException().isThrownBy(() -> Texts.regex("(((a?){1000})*){100}")).withMessageContaining("smaller bounds");
        assertThatIllegalArgumentException().isThrownBy(() -> Texts.regex("(".repeat(5000))).withMessageContaining("deep");
        assertThat(Texts.after(Texts.regex(""), "").mustEnd()).isTrue();
    }

    /** Formats that the oracle of schemas judges by more than their texts, and the calendar. */
    @Test
    void timesAndDatesAreRealOnes() {
        var random = new SplittableRandom(9);
        Constraint time = Constraint.jsonSchema("{\"format\":\"time\",\"type\":\"string\"}", WhatEndsIsValidTest.TOKENS);
        Constraint both = Constraint.jsonSchema("{\"format\":\"date-time\",\"type\":\"string\"}", WhatEndsIsValidTest.TOKENS);
        for (int i = 0; i < 300; i++) {
            OffsetTime.parse(unquoted(Walk.text(time, WhatEndsIsValidTest.TOKENIZER, random, 30, 500)));
            OffsetDateTime.parse(unquoted(Walk.text(both, WhatEndsIsValidTest.TOKENIZER, random, 50, 500)));
        }
        Constraint date = Texts.schema("{'format': 'date', 'type': 'string'}");
        for (int year : new int[] {1, 4, 100, 400, 1900, 2000, 2023, 2024, 9999}) {
            for (int month = 1; month <= 13; month++) {
                for (int day = 27; day <= 32; day++) {
                    String text = String.format("%04d-%02d-%02d", year, month, day);
                    boolean real;
                    try {
                        real = LocalDate.parse(text) != null;
                    } catch (java.time.format.DateTimeParseException _) {
                        real = false;
                    }
                    assertThat(Texts.whole(date, '"' + text + '"')).as(text).isEqualTo(real);
                }
            }
        }
    }

    @Test
    void addressesArePlainOnes() {
        Constraint email = Texts.schema("{'format': 'email', 'type': 'string'}");
        assertThat(Texts.whole(email, "\"ada.lovelace@example.org\"")).isTrue();
        assertThat(Texts.whole(email, "\"a_b+c@mail.example.co\"")).isTrue();
        for (String bad : new String[] {"@example.org", "a@b", "a..b@example.org", "a@-x.org", "a b@example.org", ".a@example.org", "a@x-.org"}) {
            assertThat(Texts.whole(email, '"' + bad + '"')).as(bad).isFalse();
        }
    }

    private static String unquoted(String text) {
        return text.substring(1, text.length() - 1);
    }
}
