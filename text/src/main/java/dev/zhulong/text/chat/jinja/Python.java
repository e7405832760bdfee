package dev.zhulong.text.chat.jinja;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.List;
import java.util.Map;

/**
 * Python's rules for the values of a template: {@code null} (None), {@link Boolean}, {@link Long}, {@link BigInteger} (integers that a long
 * cannot hold, and only those), {@link Double}, {@link Text}, {@link List}, {@link Tuple}, {@link Map}, {@link Undefined}, {@link Namespace},
 * {@link Callable}, and what {@code loop} and {@code cycler()} are. There are no others.
 */
final class Python {
    private Python() {}

    /** A tuple, which differs from a list in how it is shown; its items may have names. */
    record Tuple(List<Object> items, List<String> names) {
        Tuple(List<Object> items) {
            this(items, List.of());
        }
    }

    /** A name or an attribute that is not there. */
    record Undefined(String what) {
        TemplateException error() {
            return new TemplateException(what + " is undefined");
        }
    }

    /** What {@code namespace()} makes: the one thing that a loop can change. */
    record Namespace(Map<Object, Object> fields) {}

    /** A function, a macro or a method. */
    interface Callable {
        Object call(Arguments arguments);
    }

    static boolean isSpace(char c) {
        return c == ' ' || c >= 9 && c <= 13 || c >= 0x1c && c <= 0x1f || c == 0x85 || c == 0xa0 || c > 0xff && (Character.isSpaceChar(c)
                || Character.isWhitespace(c));
    }

    static boolean isSpace(String text) {
        return text.chars().allMatch(c -> isSpace((char) c));
    }

    static String rstrip(String text) {
        int end = text.length();
        while (end > 0 && isSpace(text.charAt(end - 1))) {
            end--;
        }
        return text.substring(0, end);
    }

    /** More digits Python neither reads nor writes. */
    static final int MOST_DIGITS = 4300;
    private static final int MOST_BITS = (int) (MOST_DIGITS * 3.3219280948873626) + 1;

    /** An integer, as a {@link Long} where it fits. */
    static Object integer(BigInteger value) {
        if (value.bitLength() > MOST_BITS) {
            throw new TemplateException("an integer of more than " + MOST_DIGITS + " digits");
        }
        return value.bitLength() > 63 ? value : (Object) value.longValue();
    }

    /** {@code int(value)}. */
    static BigInteger truncated(double value) {
        if (Double.isNaN(value) || Double.isInfinite(value)) {
            throw new TemplateException("cannot convert float " + number(value) + " to integer");
        }
        return new BigDecimal(value).toBigInteger();
    }

    /** Whether a value is of Python's type int, of which bool is a kind. */
    static boolean isInteger(Object value) {
        return value instanceof Long || value instanceof BigInteger || value instanceof Boolean;
    }

    static BigInteger big(Object value) {
        return value instanceof BigInteger big ? big : BigInteger.valueOf(whole(value));
    }

    static boolean truth(Object value) {
        return switch (value) {
            case null -> false;
            case Boolean b -> b;
            case Long l -> l != 0;
            case BigInteger _ -> true;
            case Double d -> d != 0;
            case Text t -> !t.isEmpty();
            case List<?> list -> !list.isEmpty();
            case Tuple tuple -> !tuple.items.isEmpty();
            case Map<?, ?> map -> !map.isEmpty();
            case Undefined _ -> false;
            default -> true;
        };
    }

    static String type(Object value) {
        return switch (value) {
            case null -> "NoneType";
            case Boolean _ -> "bool";
            case Long _ -> "int";
            case BigInteger _ -> "int";
            case Double _ -> "float";
            case Text _ -> "str";
            case List<?> _ -> "list";
            case Tuple _ -> "tuple";
            case Map<?, ?> _ -> "dict";
            case Undefined _ -> "Undefined";
            default -> "object";
        };
    }

    /** {@code str(value)}. */
    static Text str(Object value, Limits limits) {
        return switch (value) {
            case Text text -> text;
            case Undefined _ -> Text.EMPTY;
            case List<?> _ -> container(value, limits);
            case Tuple _ -> container(value, limits);
            case Map<?, ?> _ -> container(value, limits);
            case null, default -> Text.of(scalar(value));
        };
    }

    private static Text container(Object value, Limits limits) {
        var out = new TextBuilder(limits);
        repr(value, out, limits);
        return out.toText();
    }

    private static String scalar(Object value) {
        return switch (value) {
            case null -> "None";
            case Boolean b -> b ? "True" : "False";
            case Long l -> l.toString();
            case BigInteger big -> big.toString();
            case Double d -> number(d);
            case Undefined _ -> "Undefined";
            default -> "<object>";
        };
    }

    /** {@code repr} of a float: shortest digits, exponent from 1e16 and below 1e-4. */
    static String number(double d) {
        if (Double.isNaN(d)) {
            return "nan";
        }
        if (Double.isInfinite(d)) {
            return d > 0 ? "inf" : "-inf";
        }
        if (d == 0) {
            return 1 / d < 0 ? "-0.0" : "0.0";
        }
        BigDecimal digits = new BigDecimal(Double.toString(d)).stripTrailingZeros();
        int exponent = digits.precision() - digits.scale() - 1;
        if (exponent >= -4 && exponent < 16) {
            String plain = digits.toPlainString();
            return plain.contains(".") ? plain : plain + ".0";
        }
        String all = digits.unscaledValue().abs().toString();
        return (d < 0 ? "-" : "") + all.charAt(0) + (all.length() > 1 ? "." + all.substring(1) : "") + "e" + (exponent < 0 ? "-" : "+")
                + (Math.abs(exponent) < 10 ? "0" : "") + Math.abs(exponent);
    }

    /** {@code repr(value)}. */
    static void repr(Object value, TextBuilder out, Limits limits) {
        limits.enter();
        limits.work(1);
        switch (value) {
            case Text text -> quoted(text, out);
            case List<?> list -> items(list, "[", "]", out, limits);
            case Tuple tuple -> items(tuple.items, "(", tuple.items.size() == 1 ? ",)" : ")", out, limits);
            case Map<?, ?> map -> {
                out.append("{");
                String between = "";
                for (Map.Entry<?, ?> entry : map.entrySet()) {
                    out.append(between);
                    repr(entry.getKey(), out, limits);
                    out.append(": ");
                    repr(entry.getValue(), out, limits);
                    between = ", ";
                }
                out.append("}");
            }
            case null, default -> out.append(scalar(value));
        }
        limits.leave();
    }

    private static void items(List<?> items, String open, String close, TextBuilder out, Limits limits) {
        out.append(open);
        String between = "";
        for (Object item : items) {
            out.append(between);
            repr(item, out, limits);
            between = ", ";
        }
        out.append(close);
    }

    private static void quoted(Text text, TextBuilder out) {
        String chars = text.toString();
        char quote = chars.indexOf('\'') >= 0 && chars.indexOf('"') < 0 ? '"' : '\'';
        var escaped = new StringBuilder();
        chars.codePoints().forEach(c -> {
            switch (c) {
                case '\n' -> escaped.append("\\n");
                case '\t' -> escaped.append("\\t");
                case '\r' -> escaped.append("\\r");
                case '\\' -> escaped.append("\\\\");
                default -> {
                    if (c == quote) {
                        escaped.append('\\').append(quote);
                    } else if (c < 32 || c == 127) {
                        escaped.append(String.format("\\x%02x", c));
                    } else {
                        escaped.appendCodePoint(c);
                    }
                }
            }
        });
        out.append(Character.toString(quote)).append(text.like(escaped.toString())).append(Character.toString(quote));
    }

    private static boolean isNumber(Object value) {
        return isInteger(value) || value instanceof Double;
    }

    static double real(Object value) {
        return switch (value) {
            case Long l -> l;
            case BigInteger big -> finite(big.doubleValue());
            case Double d -> d;
            case Boolean b -> b ? 1 : 0;
            case Undefined undefined -> throw undefined.error();
            case null, default -> throw new TemplateException("expected a number, found " + type(value));
        };
    }

    private static double finite(double value) {
        if (Double.isInfinite(value)) {
            throw new TemplateException("int too large to convert to float");
        }
        return value;
    }

    /** An integer that counts or points to something. */
    static long whole(Object value) {
        return switch (value) {
            case Long l -> l;
            case BigInteger _ -> throw new TemplateException("an integer of more than 64 bits, where a count or a place is expected");
            case Boolean b -> b ? 1 : 0;
            case Undefined undefined -> throw undefined.error();
            case null, default -> throw new TemplateException("expected an integer, found " + type(value));
        };
    }

    static boolean equal(Object a, Object b) {
        if (isNumber(a) && isNumber(b)) {
            return a instanceof Double || b instanceof Double ? real(a) == real(b) : big(a).equals(big(b));
        }
        if (a instanceof Undefined && b instanceof Undefined) {
            return true;
        }
        if (a instanceof List<?> x && b instanceof List<?> y) {
            return equal(x, y);
        }
        if (a instanceof Tuple x && b instanceof Tuple y) {
            return equal(x.items, y.items);
        }
        if (a instanceof Map<?, ?> x && b instanceof Map<?, ?> y) {
            return x.size() == y.size() && x.entrySet().stream().allMatch(e -> y.containsKey(e.getKey()) && equal(e.getValue(), y.get(e.getKey())));
        }
        return a == null ? b == null : a.equals(b);
    }

    private static boolean equal(List<?> a, List<?> b) {
        if (a.size() != b.size()) {
            return false;
        }
        for (int i = 0; i < a.size(); i++) {
            if (!equal(a.get(i), b.get(i))) {
                return false;
            }
        }
        return true;
    }

    static int compare(Object a, Object b) {
        if (a instanceof Undefined undefined) {
            throw undefined.error();
        }
        if (b instanceof Undefined undefined) {
            throw undefined.error();
        }
        if (isNumber(a) && isNumber(b)) {
            return a instanceof Double || b instanceof Double ? Double.compare(real(a), real(b)) : big(a).compareTo(big(b));
        }
        if (a instanceof Text x && b instanceof Text y) {
            return x.compareTo(y);
        }
        List<?> x = a instanceof Tuple tuple ? tuple.items : a instanceof List<?> list ? list : null;
        List<?> y = b instanceof Tuple tuple ? tuple.items : b instanceof List<?> list ? list : null;
        if (x == null || y == null) {
            throw new TemplateException("can't compare " + type(a) + " and " + type(b));
        }
        for (int i = 0; i < Math.min(x.size(), y.size()); i++) {
            if (!equal(x.get(i), y.get(i))) {
                return compare(x.get(i), y.get(i));
            }
        }
        return Integer.compare(x.size(), y.size());
    }

    /** What a loop over {@code value} sees. */
    static List<Object> iterate(Object value, Limits limits) {
        switch (value) {
            case Undefined _ -> {
                return List.of();
            }
            case List<?> list -> {
                return java.util.Collections.unmodifiableList(list);
            }
            case Tuple tuple -> {
                return tuple.items;
            }
            case Map<?, ?> map -> {
                limits.list(map.size());
                return new java.util.ArrayList<>(map.keySet());
            }
            case Text text -> {
                limits.list(text.units());
                var characters = new java.util.ArrayList<Object>();
                for (int i = 0; i < text.units();) {
                    int n = Character.charCount(text.toString().codePointAt(i));
                    characters.add(text.slice(i, i + n));
                    i += n;
                }
                return characters;
            }
            case null, default -> throw new TemplateException("can't loop over " + type(value));
        }
    }

    static boolean contains(Object container, Object value, Limits limits) {
        if (container instanceof Text text) {
            if (!(value instanceof Text part)) {
                throw new TemplateException("'in' a string needs a string, found " + type(value));
            }
            limits.search(text.units(), part.units());
            return text.toString().contains(part.toString());
        }
        if (container instanceof Map<?, ?> map) {
            return map.containsKey(key(value));
        }
        List<Object> all = iterate(container, limits);
        limits.work(all.size());
        return all.stream().anyMatch(item -> equal(item, value));
    }

    /** A key of a dictionary. */
    static Object key(Object value) {
        if (value instanceof List<?> || value instanceof Map<?, ?>) {
            throw new TemplateException("a " + type(value) + " can't be a key");
        }
        return value instanceof Double d && d == Math.rint(d) && Math.abs(d) < 1e15 ? (Object) d.longValue() : value;
    }
}
