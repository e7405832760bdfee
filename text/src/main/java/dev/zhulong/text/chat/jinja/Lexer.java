package dev.zhulong.text.chat.jinja;

import java.math.BigInteger;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.regex.Pattern;

/** Cuts a template into tokens, with jinja2's rules of white space around tags ({@code trim_blocks} and {@code lstrip_blocks} on). */
final class Lexer {
    enum Kind { DATA, BLOCK_BEGIN, BLOCK_END, PRINT_BEGIN, PRINT_END, NAME, STRING, NUMBER, OPERATOR, END }

    /**
     * A token.
     *
     * @param text  its spelling; for strings and data what it stands for
     * @param value of a number
     */
    record Token(Kind kind, String text, Object value, int line) {
        boolean is(String operator) {
            return kind == Kind.OPERATOR && text.equals(operator);
        }

        boolean name(String name) {
            return kind == Kind.NAME && text.equals(name);
        }

        String shown() {
            return switch (kind) {
                case END -> "the end of the template";
                case DATA -> "text";
                default -> "'" + text + "'";
            };
        }
    }

    private static final List<String> OPERATORS = List.of("//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(",
            ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";");
    private static final Pattern NEWLINE = Pattern.compile("\r\n|\r");

    private final String source;
    private final List<Token> tokens = new ArrayList<>();
    private int at;
    private int line = 1;
    private int counted;
    private boolean lineStarting = true;

    private Lexer(String source) {
        this.source = source;
    }

    static List<Token> tokens(String template) {
        String source = NEWLINE.matcher(template).replaceAll("\n");
        var lexer = new Lexer(source.endsWith("\n") ? source.substring(0, source.length() - 1) : source);
        try {
            lexer.run();
        } catch (TemplateException e) {
            throw e.at(lexer.line());
        }
        return lexer.tokens;
    }

    private int line() {
        for (int end = Math.min(at, source.length()); counted < end; counted++) {
            if (source.charAt(counted) == '\n') {
                line++;
            }
        }
        return line;
    }

    private void add(Kind kind, String text, Object value) {
        tokens.add(new Token(kind, text, value, line()));
    }

    private void run() {
        while (at < source.length()) {
            int tag = nextTag(at);
            if (tag < 0) {
                data(source.substring(at));
                at = source.length();
                break;
            }
            char type = source.charAt(tag + 1);
            char sign = tag + 2 < source.length() ? source.charAt(tag + 2) : 0;
            boolean signed = sign == '-' || sign == '+';
            data(before(source.substring(at, tag), type, sign));
            at = tag;
            line();
            at = tag + (signed ? 3 : 2);
            switch (type) {
                case '#' -> comment();
                case '%' -> {
                    if (!raw()) {
                        add(Kind.BLOCK_BEGIN, "{%", null);
                        inside('%', Kind.BLOCK_END);
                    }
                }
                default -> {
                    add(Kind.PRINT_BEGIN, "{{", null);
                    inside('}', Kind.PRINT_END);
                }
            }
            lineStarting = source.charAt(at - 1) == '\n';
        }
        add(Kind.END, "", null);
    }

    private int nextTag(int from) {
        for (int i = source.indexOf('{', from); i >= 0 && i + 1 < source.length(); i = source.indexOf('{', i + 1)) {
            char c = source.charAt(i + 1);
            if (c == '{' || c == '%' || c == '#') {
                return i;
            }
        }
        return -1;
    }

    private void data(String text) {
        if (!text.isEmpty()) {
            add(Kind.DATA, text, null);
        }
    }

    /** Text before a tag, less the white space that the tag takes. */
    private String before(String text, char type, char sign) {
        if (sign == '-') {
            return Python.rstrip(text);
        }
        if (sign != '+' && type != '{') {
            int start = text.lastIndexOf('\n') + 1;
            if ((start > 0 || lineStarting) && Python.isSpace(text.substring(start))) {
                return text.substring(0, start);
            }
        }
        return text;
    }

    private void comment() {
        int end = source.indexOf("#}", at);
        if (end < 0) {
            throw new TemplateException("a comment that is not ended by #}");
        }
        char sign = end > at ? source.charAt(end - 1) : 0;
        at = end + 2;
        afterBlock(sign);
    }

    private void afterBlock(char sign) {
        if (sign == '-') {
            skipSpace();
        } else if (sign != '+' && at < source.length() && source.charAt(at) == '\n') {
            at++;
        }
    }

    private void skipSpace() {
        while (at < source.length() && Python.isSpace(source.charAt(at))) {
            at++;
        }
    }

    private int afterSpace(int from) {
        int i = from;
        while (i < source.length() && Python.isSpace(source.charAt(i))) {
            i++;
        }
        return i;
    }

    private boolean raw() {
        int i = afterSpace(at);
        if (!source.startsWith("raw", i)) {
            return false;
        }
        i = afterSpace(i + 3);
        boolean minus = source.startsWith("-%}", i);
        if (!minus && !source.startsWith("%}", i)) {
            return false;
        }
        at = i + (minus ? 3 : 2);
        if (minus) {
            skipSpace();
        }
        int start = at;
        for (int tag = source.indexOf("{%", start); tag >= 0; tag = source.indexOf("{%", tag + 2)) {
            char sign = tag + 2 < source.length() ? source.charAt(tag + 2) : 0;
            int word = afterSpace(tag + (sign == '-' || sign == '+' ? 3 : 2));
            if (!source.startsWith("endraw", word)) {
                continue;
            }
            int end = afterSpace(word + 6);
            char endSign = end < source.length() ? source.charAt(end) : 0;
            end += endSign == '-' || endSign == '+' ? 1 : 0;
            if (source.startsWith("%}", end)) {
                lineStarting = false;
                data(before(source.substring(start, tag), '%', sign));
                at = end + 2;
                afterBlock(endSign);
                return true;
            }
        }
        throw new TemplateException("a raw block that is not ended by endraw");
    }

    private void inside(char close, Kind end) {
        Deque<Character> open = new ArrayDeque<>();
        while (true) {
            skipSpace();
            if (at >= source.length()) {
                throw new TemplateException("a tag that is not closed by " + (close == '%' ? "%}" : "}}"));
            }
            if (open.isEmpty() && ends(close, end)) {
                return;
            }
            char c = source.charAt(at);
            if (c == '"' || c == '\'') {
                string(c);
            } else if (c >= '0' && c <= '9') {
                number();
            } else if (c == '_' || Character.isLetter(c)) {
                int from = at;
                while (at < source.length() && (source.charAt(at) == '_' || Character.isLetterOrDigit(source.charAt(at)))) {
                    at++;
                }
                add(Kind.NAME, source.substring(from, at), null);
            } else {
                operator(open);
            }
        }
    }

    private boolean ends(char close, Kind end) {
        String mark = close == '%' ? "%}" : "}}";
        char sign = source.charAt(at);
        boolean signed = sign == '-' || close == '%' && sign == '+';
        if (!source.startsWith(mark, signed ? at + 1 : at)) {
            return false;
        }
        add(end, mark, null);
        at += signed ? 3 : 2;
        if (close == '%') {
            afterBlock(sign);
        } else if (signed) {
            skipSpace();
        }
        return true;
    }

    private void operator(Deque<Character> open) {
        String operator = OPERATORS.stream().filter(o -> source.startsWith(o, at)).findFirst()
                .orElseThrow(() -> new TemplateException("unexpected character '" + Character.toString(source.codePointAt(at)) + "'"));
        char c = operator.charAt(0);
        if (operator.length() == 1 && "([{".indexOf(c) >= 0) {
            open.push(c == '(' ? ')' : c == '[' ? ']' : '}');
        } else if (operator.length() == 1 && ")]}".indexOf(c) >= 0 && (open.isEmpty() || open.pop() != c)) {
            throw new TemplateException("unexpected '" + c + "'");
        }
        add(Kind.OPERATOR, operator, null);
        at += operator.length();
    }

    private void number() {
        int from = at;
        char second = at + 1 < source.length() ? Character.toLowerCase(source.charAt(at + 1)) : 0;
        int radix = source.charAt(at) != '0' ? 10 : second == 'x' ? 16 : second == 'o' ? 8 : second == 'b' ? 2 : 10;
        if (radix != 10) {
            at += 2;
            digits(radix);
            add(Kind.NUMBER, source.substring(from, at), integer(source.substring(from + 2, at), radix));
            return;
        }
        digits(10);
        boolean fraction = false;
        if (at + 1 < source.length() && source.charAt(at) == '.' && Character.digit(source.charAt(at + 1), 10) >= 0) {
            at++;
            digits(10);
            fraction = true;
        }
        if (at < source.length() && Character.toLowerCase(source.charAt(at)) == 'e') {
            int digits = at + 1 < source.length() && "+-".indexOf(source.charAt(at + 1)) >= 0 ? at + 2 : at + 1;
            if (digits < source.length() && Character.digit(source.charAt(digits), 10) >= 0) {
                at = digits;
                digits(10);
                fraction = true;
            }
        }
        String text = source.substring(from, at);
        add(Kind.NUMBER, text, fraction ? (Object) Double.valueOf(text.replace("_", "")) : integer(text, 10));
    }

    private void digits(int radix) {
        while (at < source.length() && (Character.digit(source.charAt(at), radix) >= 0 || source.charAt(at) == '_')) {
            at++;
        }
    }

    private static Object integer(String text, int radix) {
        String digits = text.replace("_", "");
        if (digits.isEmpty() || digits.length() > 100) {
            throw new TemplateException("not an integer that can be read: " + (digits.isEmpty() ? "no digits" : "too many digits"));
        }
        return Python.integer(new BigInteger(digits, radix));
    }

    private void string(char quote) {
        var out = new StringBuilder();
        int from = at++;
        while (at < source.length() && source.charAt(at) != quote) {
            char c = source.charAt(at++);
            if (c == '\\' && at < source.length()) {
                escape(out);
            } else {
                out.append(c);
            }
        }
        if (at >= source.length()) {
            at = from;
            throw new TemplateException("a string that is not closed by " + quote);
        }
        at++;
        add(Kind.STRING, out.toString(), null);
    }

    /** Python's escapes; an unknown one keeps its backslash. */
    private void escape(StringBuilder out) {
        char c = source.charAt(at++);
        switch (c) {
            case '\n' -> { }
            case '\\', '\'', '"' -> out.append(c);
            case 'n' -> out.append('\n');
            case 't' -> out.append('\t');
            case 'r' -> out.append('\r');
            case 'b' -> out.append('\b');
            case 'f' -> out.append('\f');
            case 'a' -> out.append('\u0007');
            case 'v' -> out.append('\u000B');
            case 'x' -> out.appendCodePoint(hex(2));
            case 'u' -> out.append((char) hex(4));
            case 'U' -> {
                int point = hex(8);
                if (!Character.isValidCodePoint(point)) {
                    throw new TemplateException("\\U" + Integer.toHexString(point) + " is no character");
                }
                out.appendCodePoint(point);
            }
            case '0', '1', '2', '3', '4', '5', '6', '7' -> {
                int value = c - '0';
                for (int i = 0; i < 2 && at < source.length() && Character.digit(source.charAt(at), 8) >= 0; i++) {
                    value = value * 8 + Character.digit(source.charAt(at++), 8);
                }
                out.appendCodePoint(value);
            }
            default -> out.append('\\').append(c);
        }
    }

    private int hex(int digits) {
        int value = 0;
        for (int i = 0; i < digits; i++) {
            int digit = at < source.length() ? Character.digit(source.charAt(at), 16) : -1;
            if (digit < 0) {
                throw new TemplateException("an escape in a string needs " + digits + " hexadecimal digits");
            }
            value = value << 4 | digit;
            at++;
        }
        return value;
    }
}
