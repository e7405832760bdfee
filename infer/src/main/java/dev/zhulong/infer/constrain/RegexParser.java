package dev.zhulong.infer.constrain;

import dev.zhulong.infer.constrain.Expression.Chars;
import dev.zhulong.infer.constrain.Expression.Choice;
import dev.zhulong.infer.constrain.Expression.Repeat;
import dev.zhulong.infer.constrain.Expression.Sequence;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads the regular expressions that a finite automaton can follow: literals, escapes, classes, groups, alternation, quantifiers with
 * bounds, properties of characters, and anchors at the ends. What Java and ECMAScript read differently is read so that both accept every text that comes of it:
 * {@code \s} is white space of ASCII, while {@code \S}, {@code .} and negated classes leave out what either takes for white space or line ends.
 */
final class RegexParser {
    private static final int MOST_REPEATS = 1000;
    private static final int DEEPEST_GROUP = 200;
    private static final CodePoints DIGITS = CodePoints.of('0', '9');
    private static final CodePoints WORD = CodePoints.of('0', '9', 'A', 'Z', '_', '_', 'a', 'z');
    private static final CodePoints SPACE = CodePoints.of(9, 13, ' ', ' ');
    private static final CodePoints ANY_SPACE = SPACE.or(CodePoints.of(
            0xA0, 0xA0, 0x1680, 0x1680, 0x2000, 0x200A, 0x2028, 0x2029, 0x202F, 0x202F, 0x205F, 0x205F, 0x3000, 0x3000, 0xFEFF, 0xFEFF));
    private static final CodePoints DOT = CodePoints.of('\n', '\n', '\r', '\r', 0x85, 0x85, 0x2028, 0x2029).complement();

    /** What a class or an escape means to every dialect, and what it means to any. */
    private record Class(CodePoints surely, CodePoints perhaps) {
        static Class of(CodePoints set) {
            return new Class(set, set);
        }

        Class or(Class other) {
            return new Class(surely.or(other.surely), perhaps.or(other.perhaps));
        }

        Class complement() {
            return new Class(perhaps.complement(), surely.complement());
        }
    }

    private record Branch(boolean fromStart, Expression body, boolean toEnd) {}

    private final String pattern;
    private int at;
    private int depth;

    private RegexParser(String pattern) {
        this.pattern = pattern;
    }

    /**
     * Texts that match as a whole.
     *
     * @throws IllegalArgumentException where the pattern is malformed or uses what is not supported; the message has the position, from 0
     */
    static Expression whole(String pattern) {
        return new Choice(new RegexParser(pattern).branches().stream().map(Branch::body).toList());
    }

    /** Texts in which the pattern is found. */
    static Expression within(String pattern) {
        return new Choice(new RegexParser(pattern).branches().stream().map(branch -> Expression.sequence(
                branch.fromStart ? Expression.EMPTY : Expression.ANYTHING, branch.body,
                branch.toEnd ? Expression.EMPTY : Expression.ANYTHING)).toList());
    }

    private List<Branch> branches() {
        var branches = new ArrayList<Branch>();
        do {
            boolean fromStart = take('^');
            Expression body = sequence();
            branches.add(new Branch(fromStart, body, take('$')));
            if (at < pattern.length() && pattern.charAt(at) != '|') {
                throw pattern.charAt(at) == ')' ? error("a ) without its (", at)
                        : error("an anchor is understood only at the ends of the whole pattern or of its outermost alternatives", at - 1);
            }
        } while (take('|'));
        return branches;
    }

    private Expression alternatives() {
        var options = new ArrayList<Expression>();
        do {
            options.add(sequence());
        } while (take('|'));
        return options.size() == 1 ? options.getFirst() : new Choice(options);
    }

    private Expression sequence() {
        var parts = new ArrayList<Expression>();
        while (at < pattern.length() && "|)$".indexOf(pattern.charAt(at)) < 0) {
            parts.add(quantified(atom()));
        }
        return new Sequence(parts);
    }

    private Expression quantified(Expression atom) {
        int start = at;
        Repeat repeat = null;
        if (take('*')) {
            repeat = new Repeat(atom, 0, Repeat.UNBOUNDED);
        } else if (take('+')) {
            repeat = new Repeat(atom, 1, Repeat.UNBOUNDED);
        } else if (take('?')) {
            repeat = new Repeat(atom, 0, 1);
        } else if (take('{')) {
            int min = number();
            int max = take(',') ? (peek('}') ? Repeat.UNBOUNDED : number()) : min;
            if (!take('}')) {
                throw error("a quantifier reads {m}, {m,} or {m,n}; write \\{ for the character", start);
            }
            if (max != Repeat.UNBOUNDED && max < min) {
                throw error("a quantifier whose most is less than its least", start);
            }
            repeat = new Repeat(atom, min, max);
        }
        if (repeat != null && peek('+')) {
            throw error("possessive quantifiers are not supported", at);
        }
        // a lazy one matches the same texts
        if (repeat != null && !take('?') && (peek('*') || peek('{'))) {
            throw error("a quantifier after a quantifier", at);
        }
        return repeat == null ? atom : repeat;
    }

    private int number() {
        int start = at;
        int value = 0;
        while (at < pattern.length() && pattern.charAt(at) >= '0' && pattern.charAt(at) <= '9') {
            value = value * 10 + pattern.charAt(at++) - '0';
            if (value > MOST_REPEATS) {
                throw error("a quantifier of more than " + MOST_REPEATS, start);
            }
        }
        if (at == start) {
            throw error("expected a number of repeats; write \\{ for the character {", at);
        }
        return value;
    }

    private Expression atom() {
        int start = at;
        int c = next();
        return switch (c) {
            case '(' -> group(start);
            case '[' -> new Chars(bracket(start).surely);
            case '.' -> new Chars(DOT);
            case '\\' -> new Chars(escape(start).surely);
            case '^' -> throw error("an anchor is understood only at the ends of the whole pattern or of its outermost alternatives", start);
            case '*', '+', '?', '{' -> throw error("a quantifier with nothing before it", start);
            default -> Expression.chars(c, c);
        };
    }

    private Expression group(int start) {
        if (take('?') && !take(':')) {
            throw error("of the groups that begin with (? only (?:...) is supported: no lookaround, no names, no flags", start);
        }
        if (++depth > DEEPEST_GROUP) {
            throw error("groups nested more than " + DEEPEST_GROUP + " deep", start);
        }
        Expression body = alternatives();
        if (peek('$')) {
            throw error("an anchor is understood only at the ends of the whole pattern or of its outermost alternatives", at);
        }
        if (!take(')')) {
            throw error("a ( without its )", start);
        }
        depth--;
        return body;
    }

    private Class bracket(int start) {
        boolean negated = take('^');
        if (peek(']')) {
            throw error("an empty class; write \\] for the character", start);
        }
        Class all = Class.of(CodePoints.NONE);
        while (!take(']')) {
            if (at == pattern.length()) {
                throw error("a [ without its ]", start);
            }
            int from = at;
            Class item = item();
            if (peek('-') && at + 1 < pattern.length() && pattern.charAt(at + 1) != ']') {
                at++;
                Class end = item();
                int first = item.surely.single();
                int last = end.surely.single();
                if (first < 0 || last < first) {
                    throw error("a range of a class goes from one character to a later one; write \\- for the character", from);
                }
                item = Class.of(CodePoints.of(first, last));
            }
            all = all.or(item);
        }
        return negated ? all.complement() : all;
    }

    private Class item() {
        int start = at;
        int c = next();
        if (c == '[' || c == '&' && peek('&')) {
            throw error("dialects differ about " + (c == '[' ? "[" : "&&") + " within a class; write it with \\", start);
        }
        return c == '\\' ? escape(start) : Class.of(CodePoints.of(c, c));
    }

    private Class escape(int start) {
        if (at == pattern.length()) {
            throw error("a \\ with nothing after it", start);
        }
        int c = next();
        return switch (c) {
            case 'd' -> Class.of(DIGITS);
            case 'D' -> Class.of(DIGITS).complement();
            case 'w' -> Class.of(WORD);
            case 'W' -> Class.of(WORD).complement();
            case 's' -> new Class(SPACE, ANY_SPACE);
            case 'S' -> new Class(SPACE, ANY_SPACE).complement();
            case 'n' -> one('\n');
            case 't' -> one('\t');
            case 'r' -> one('\r');
            case 'f' -> one('\f');
            case 'x' -> one(hex(2, start));
            case 'u' -> one(unicode(start));
            case 'p' -> property(start);
            case 'P' -> property(start).complement();
            default -> {
                if (c >= '1' && c <= '9') {
                    throw error("back-references are not supported", start);
                }
                if (c < 128 && Character.isLetterOrDigit(c)) {
                    throw error("\\" + (char) c + " is not supported", start);
                }
                yield one(c);
            }
        };
    }

    /** What is not assigned here may be in a younger Unicode, where it may have the property. */
    private Class property(int start) {
        int end = pattern.indexOf('}', at);
        if (!take('{') || end < 0) {
            throw error("\\p is followed by the name of a property, such as \\p{L}", start);
        }
        String name = pattern.substring(at, end);
        CodePoints set = UnicodeProperty.of(name);
        if (set == null) {
            throw error("the property " + name + " is not supported: general categories such as L and Lu are, and scripts such as Script=Han", start);
        }
        at = end + 1;
        return new Class(set, set.or(UnicodeProperty.UNASSIGNED));
    }

    private static Class one(int c) {
        return Class.of(CodePoints.of(c, c));
    }

    private int unicode(int start) {
        int c = hex(4, start);
        if (Character.isHighSurrogate((char) c) && pattern.startsWith("\\u", at)) {
            at += 2;
            int low = hex(4, start);
            if (Character.isLowSurrogate((char) low)) {
                return Character.toCodePoint((char) c, (char) low);
            }
        }
        if (Character.isSurrogate((char) c)) {
            throw error("half of a surrogate pair", start);
        }
        return c;
    }

    private int hex(int digits, int start) {
        int value = 0;
        for (int i = 0; i < digits; i++) {
            int digit = at < pattern.length() ? Character.digit(pattern.charAt(at++), 16) : -1;
            if (digit < 0) {
                throw error("expected " + digits + " hexadecimal digits", start);
            }
            value = value * 16 + digit;
        }
        return value;
    }

    private int next() {
        int c = pattern.codePointAt(at);
        at += Character.charCount(c);
        if (c >= 0xD800 && c <= 0xDFFF) {
            throw error("half of a surrogate pair", at - 1);
        }
        return c;
    }

    private boolean peek(char c) {
        return at < pattern.length() && pattern.charAt(at) == c;
    }

    private boolean take(char c) {
        boolean there = peek(c);
        at += there ? 1 : 0;
        return there;
    }

    private IllegalArgumentException error(String what, int position) {
        return new IllegalArgumentException(JsonText.oneLine("regular expression " + pattern + ": " + what + " (at position " + position + ")"));
    }
}
