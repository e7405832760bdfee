package dev.zhulong.recipe.javadoc;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Java source as tokens, with the partner of each bracket. Numbers, words and operators are cut only as finely as declarations need it; the
 * lexical rules are those of the Java Language Specification, chapter 3, but for Unicode escapes.
 */
final class JavaTokens {
    /** What a token is. */
    enum Kind { JAVADOC, COMMENT, LITERAL, WORD, SIGN }

    /** Characters {@code from} to {@code to} of the source. */
    record Token(Kind kind, int from, int to) {}

    private final String source;
    private final List<Token> tokens = new ArrayList<>();
    private int at;

    private JavaTokens(String source) {
        this.source = source;
    }

    /** Tokens up to the end, or up to the first literal or comment that has none. */
    static List<Token> beginning(String source) {
        var scanner = new JavaTokens(source);
        scanner.scan();
        return scanner.tokens;
    }

    /** All tokens; none where a literal or a comment has no end. */
    static Optional<List<Token>> all(String source) {
        var scanner = new JavaTokens(source);
        return scanner.scan() ? Optional.of(scanner.tokens) : Optional.empty();
    }

    /**
     * The number of each bracket's partner, -1 for other tokens; none where brackets do not match.
     *
     * @param tokens of {@code source}
     */
    static Optional<int[]> partners(String source, List<Token> tokens) {
        var partners = new int[tokens.size()];
        Arrays.fill(partners, -1);
        var open = new int[tokens.size()];
        int depth = 0;
        for (int i = 0; i < partners.length; i++) {
            if (tokens.get(i).kind() != Kind.SIGN) {
                continue;
            }
            char sign = source.charAt(tokens.get(i).from());
            if ("({[".indexOf(sign) >= 0) {
                open[depth++] = i;
            } else if (")}]".indexOf(sign) >= 0) {
                if (depth == 0 || "({[".indexOf(source.charAt(tokens.get(open[depth - 1]).from())) != ")}]".indexOf(sign)) {
                    return Optional.empty();
                }
                partners[i] = open[--depth];
                partners[partners[i]] = i;
            }
        }
        return depth == 0 ? Optional.of(partners) : Optional.empty();
    }

    /** False where something has no end. */
    private boolean scan() {
        while (at < source.length()) {
            char c = source.charAt(at);
            int from = at;
            Kind kind;
            if (Character.isWhitespace(c)) {
                at++;
                continue;
            } else if (source.startsWith("//", at)) {
                int end = source.indexOf('\n', at);
                at = end < 0 ? source.length() : end;
                kind = Kind.COMMENT;
            } else if (source.startsWith("/*", at)) {
                int end = source.indexOf("*/", at + 2);
                at = end < 0 ? -1 : end + 2;
                // /**/ is an empty comment, and a row of stars is a frame
                kind = source.startsWith("/**", from) && end > from + 2 && source.charAt(from + 3) != '*' ? Kind.JAVADOC : Kind.COMMENT;
            } else if (source.startsWith("\"\"\"", at)) {
                at = end("\"\"\"", at + 3, true);
                kind = Kind.LITERAL;
            } else if (c == '"' || c == '\'') {
                at = end(String.valueOf(c), at + 1, false);
                kind = Kind.LITERAL;
            } else if (Character.isJavaIdentifierStart(source.codePointAt(at))) {
                at = wordEnd();
                kind = Kind.WORD;
            } else if (Character.isDigit(c)) {
                at = numberEnd();
                kind = Kind.LITERAL;
            } else {
                at += Character.charCount(source.codePointAt(at));
                kind = Kind.SIGN;
            }
            if (at < 0) {
                return false;
            }
            tokens.add(new Token(kind, from, at));
        }
        return true;
    }

    /** Behind {@code quote}, or -1. */
    private int end(String quote, int from, boolean lines) {
        for (int i = from; i < source.length(); i++) {
            char c = source.charAt(i);
            if (c == '\\') {
                i++;
            } else if (source.startsWith(quote, i)) {
                return i + quote.length();
            } else if (c == '\n' && !lines) {
                return -1;
            }
        }
        return -1;
    }

    private int wordEnd() {
        int end = at;
        while (end < source.length() && Character.isJavaIdentifierPart(source.codePointAt(end))) {
            end += Character.charCount(source.codePointAt(end));
        }
        return end;
    }

    private int numberEnd() {
        int end = at;
        while (end < source.length() && (Character.isLetterOrDigit(source.charAt(end)) || source.charAt(end) == '_'
                || source.charAt(end) == '.')) {
            end++;
        }
        return end;
    }
}
