package dev.zhulong.recipe.javadoc;

import dev.zhulong.recipe.javadoc.JavaTokens.Kind;
import dev.zhulong.recipe.javadoc.JavaTokens.Token;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * A method and what its author says of it.
 *
 * @param sentence first sentence of its Javadoc, as plain text on one line
 * @param method   its source from the first modifier or annotation to the closing brace, its own indentation taken off
 */
public record DocumentedMethod(String sentence, String method) {
    private static final Set<String> MODIFIERS = Set.of("public", "protected", "private", "static", "final", "abstract", "native",
            "synchronized", "default", "strictfp");
    /** Words that begin something that is no method, where a type would stand; {@code record} is a type's name only to old sources. */
    private static final Set<String> NO_TYPE = Set.of("class", "interface", "enum", "record", "new", "return", "throw", "else", "case", "do",
            "assert", "yield", "if", "while", "for", "switch", "try", "catch", "import", "package");

    /**
     * Methods of a source file that have a body and a Javadoc comment with a sentence to it, in their order, those of nested, local and
     * anonymous classes included. Constructors, methods without a body and comments that inherit their text are left out.
     *
     * @param source any text; one that is no Java, or whose brackets do not match, has none
     * @param longest characters of a method; longer ones are left out
     */
    public static List<DocumentedMethod> all(String source, int longest) {
        Optional<List<Token>> tokens = JavaTokens.all(source);
        Optional<int[]> partners = tokens.flatMap(t -> JavaTokens.partners(source, t));
        return partners.isEmpty() ? List.of() : new Declarations(source, tokens.get(), partners.get(), longest).methods();
    }

    /** Source up to the brace that closes the first block in it; all of it where none does. For what a model writes, which may go on. */
    public static String first(String source) {
        int depth = 0;
        for (Token token : JavaTokens.beginning(source)) {
            if (token.kind() == Kind.SIGN) {
                char sign = source.charAt(token.from());
                depth += sign == '{' ? 1 : sign == '}' ? -1 : 0;
                if (sign == '}' && depth <= 0) {
                    return source.substring(0, token.to());
                }
            }
        }
        return source;
    }

    /** Reads declarations at given tokens; a place is a token's number, and -1 says that something else stands there. */
    private record Declarations(String source, List<Token> tokens, int[] partners, int longest) {
        List<DocumentedMethod> methods() {
            var methods = new ArrayList<DocumentedMethod>();
            for (int i = 0; i < tokens.size(); i++) {
                if (tokens.get(i).kind() == Kind.JAVADOC) {
                    int first = step(i);
                    int last = first < 0 ? -1 : lastOfMethod(first);
                    if (last >= 0 && tokens.get(last).to() - tokens.get(first).from() <= longest) {
                        String comment = source.substring(tokens.get(i).from(), tokens.get(i).to());
                        FirstSentence.of(comment).ifPresent(sentence -> methods.add(
                                new DocumentedMethod(sentence, dedented(tokens.get(first).from(), tokens.get(last).to()))));
                    }
                }
            }
            return methods;
        }

        /** The brace that ends the method whose declaration begins at {@code at}. */
        private int lastOfMethod(int at) {
            int next = modifiers(at);
            if (is(next, '<')) {
                next = typeArguments(next);
            }
            next = modifiers(next);
            next = name(dimensions(type(next)));
            if (!is(next, '(')) {
                return -1;
            }
            next = dimensions(step(partners[next]));
            if (next >= 0 && next < tokens.size() && word(next).equals("throws")) {
                do {
                    next = type(step(next));
                } while (is(next, ','));
            }
            return is(next, '{') ? partners[next] : -1;
        }

        private int modifiers(int at) {
            int next = at;
            while (next >= 0 && next < tokens.size()) {
                if (is(next, '@')) {
                    next = annotation(next);
                } else if (MODIFIERS.contains(word(next))) {
                    next = step(next);
                } else {
                    return next;
                }
            }
            return -1;
        }

        private int annotation(int at) {
            int name = step(at);
            if (word(name).isEmpty() || word(name).equals("interface")) {
                return -1;
            }
            int next = step(name);
            while (is(next, '.')) {
                next = step(step(next));
            }
            return is(next, '(') ? step(partners[next]) : next;
        }

        /** A type with its arguments, perhaps qualified, without dimensions. */
        private int type(int at) {
            int next = annotations(at);
            if (NO_TYPE.contains(word(next)) || MODIFIERS.contains(word(next))) {
                return -1;
            }
            next = name(next);
            while (true) {
                if (is(next, '<')) {
                    next = typeArguments(next);
                } else if (is(next, '.')) {
                    next = name(annotations(step(next)));
                } else {
                    return next;
                }
            }
        }

        private int annotations(int at) {
            int next = at;
            while (is(next, '@')) {
                next = annotation(next);
            }
            return next;
        }

        private int typeArguments(int at) {
            int depth = 0;
            int next = at;
            while (next >= 0 && next < tokens.size()) {
                if (is(next, '@')) {
                    next = annotation(next);
                    continue;
                }
                if (is(next, '<')) {
                    depth++;
                } else if (is(next, '>') && --depth == 0) {
                    return step(next);
                } else if (word(next).isEmpty() && ".,?&[]>".indexOf(source.charAt(tokens.get(next).from())) < 0) {
                    return -1;
                }
                next = step(next);
            }
            return -1;
        }

        private int dimensions(int at) {
            int next = annotations(at);
            while (is(next, '[') && is(step(next), ']')) {
                next = annotations(step(step(next)));
            }
            return next;
        }

        private int name(int at) {
            return word(at).isEmpty() ? -1 : step(at);
        }

        /** The next token that is no comment; none where another Javadoc comment begins, so that no declaration is read twice. */
        private int step(int at) {
            if (at < 0) {
                return -1;
            }
            int next = at + 1;
            while (next < tokens.size() && tokens.get(next).kind() == Kind.COMMENT) {
                next++;
            }
            return next < tokens.size() && tokens.get(next).kind() != Kind.JAVADOC ? next : -1;
        }

        private boolean is(int at, char sign) {
            return at >= 0 && at < tokens.size() && tokens.get(at).kind() == Kind.SIGN && source.charAt(tokens.get(at).from()) == sign;
        }

        private String word(int at) {
            return at >= 0 && at < tokens.size() && tokens.get(at).kind() == Kind.WORD
                    ? source.substring(tokens.get(at).from(), tokens.get(at).to()) : "";
        }

        /** What stands before the method on its line is taken off the lines that follow, as far as they begin with it. */
        private String dedented(int from, int to) {
            int line = source.lastIndexOf('\n', from - 1) + 1;
            int indent = 0;
            while (line + indent < from && Character.isWhitespace(source.charAt(line + indent))) {
                indent++;
            }
            String before = source.substring(line, line + indent);
            return source.substring(from, to).replace("\n" + before, "\n");
        }
    }
}
