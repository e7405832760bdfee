package dev.zhulong.text.chat.jinja;

import dev.zhulong.text.chat.jinja.Python.Tuple;
import dev.zhulong.text.chat.jinja.Python.Undefined;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;

/** Python's arithmetic, repetition and slices. */
record Operators(Limits limits) {
    private static final int WIDEST = 1000;

    Object sign(boolean negative, Object value) {
        if (value instanceof Double d) {
            return negative ? -d : d;
        }
        if (value instanceof Undefined undefined) {
            throw undefined.error();
        }
        requireNumber(value, () -> "bad operand type for unary " + (negative ? "-" : "+") + ": '" + Python.type(value) + "'");
        return Python.integer(negative ? Python.big(value).negate() : Python.big(value));
    }

    private static void requireNumber(Object value, Supplier<String> otherwise) {
        if (!Python.isInteger(value) && !(value instanceof Double)) {
            throw new TemplateException(otherwise.get());
        }
    }

    Object binary(String operator, Object a, Object b) {
        if (a instanceof Undefined undefined) {
            throw undefined.error();
        }
        if (b instanceof Undefined undefined && !(operator.equals("%") && a instanceof Text)) {
            throw undefined.error();
        }
        if (operator.equals("+")) {
            if (a instanceof Text x && b instanceof Text y) {
                return new TextBuilder(limits).append(x).append(y).toText();
            }
            if (a instanceof List<?> x && b instanceof List<?> y) {
                return joined(x, y);
            }
            if (a instanceof Tuple x && b instanceof Tuple y) {
                return new Tuple(joined(x.items(), y.items()));
            }
        }
        if (operator.equals("*") && isSequence(a)) {
            return repeated(a, times(b));
        }
        if (operator.equals("*") && isSequence(b)) {
            return repeated(b, times(a));
        }
        if (operator.equals("%") && a instanceof Text format) {
            return format(format, b);
        }
        if (operator.equals("+") && (isSequence(a) || a instanceof Tuple)) {
            String type = Python.type(a);
            throw new TemplateException("can only concatenate " + type + " (not \"" + Python.type(b) + "\") to " + type + ": found " + type + " + "
                    + Python.type(b));
        }
        Supplier<String> unsupported = () -> "unsupported operand type(s) for " + (operator.equals("**") ? "** or pow()" : operator) + ": '"
                + Python.type(a) + "' and '" + Python.type(b) + "'";
        requireNumber(a, unsupported);
        requireNumber(b, unsupported);
        if (a instanceof Double || b instanceof Double || operator.equals("/")) {
            return real(operator, Python.real(a), Python.real(b));
        }
        return whole(operator, Python.big(a), Python.big(b));
    }

    private static boolean isSequence(Object value) {
        return value instanceof Text || value instanceof List<?>;
    }

    private static long times(Object value) {
        if (!Python.isInteger(value)) {
            throw new TemplateException("can't multiply sequence by non-int of type '" + Python.type(value) + "'");
        }
        return Python.whole(value);
    }

    private List<Object> joined(List<?> a, List<?> b) {
        limits.list((long) a.size() + b.size());
        List<Object> all = new ArrayList<>(a);
        all.addAll(b);
        return all;
    }

    private Object repeated(Object value, long times) {
        long n = Math.max(0, times);
        if (value instanceof Text text) {
            // checked as a whole: what is refused is not begun
            long total = n * Math.max(1, text.units());
            if (n > Limits.LONGEST_TEXT || total > Limits.LONGEST_TEXT) {
                throw new TemplateException("a text of more than " + Limits.LONGEST_TEXT + " characters");
            }
            var out = new TextBuilder(limits);
            for (long i = 0; i < n; i++) {
                out.append(text);
            }
            return out.toText();
        }
        List<?> list = (List<?>) value;
        if (n > Limits.LONGEST_LIST) {
            throw new TemplateException("a list of more than " + Limits.LONGEST_LIST + " elements");
        }
        limits.list(n * list.size());
        List<Object> all = new ArrayList<>();
        for (long i = 0; i < n; i++) {
            all.addAll(list);
        }
        return all;
    }

    private static Object real(String operator, double a, double b) {
        if (b == 0 && (operator.equals("/") || operator.equals("//") || operator.equals("%"))) {
            throw new TemplateException("division by zero");
        }
        return switch (operator) {
            case "+" -> a + b;
            case "-" -> a - b;
            case "*" -> a * b;
            case "/" -> a / b;
            case "//" -> Math.floor(a / b);
            case "%" -> a - b * Math.floor(a / b);
            default -> Math.pow(a, b);
        };
    }

    private Object whole(String operator, BigInteger a, BigInteger b) {
        limits.work((long) a.bitLength() * b.bitLength() >> 12);
        if (b.signum() == 0 && (operator.equals("//") || operator.equals("%"))) {
            throw new TemplateException("division by zero");
        }
        return switch (operator) {
            case "+" -> Python.integer(a.add(b));
            case "-" -> Python.integer(a.subtract(b));
            case "*" -> Python.integer(a.multiply(b));
            case "//" -> Python.integer(a.subtract(remainder(a, b)).divide(b));
            case "%" -> Python.integer(remainder(a, b));
            default -> b.signum() < 0 ? (Object) Math.pow(a.doubleValue(), b.doubleValue()) : power(a, b);
        };
    }

    /** Of the divisor's sign, as Python's. */
    private static BigInteger remainder(BigInteger a, BigInteger b) {
        BigInteger remainder = a.remainder(b);
        return remainder.signum() * b.signum() < 0 ? remainder.add(b) : remainder;
    }

    /** Of at most 64 bits: no conversation needs a larger power. */
    private static Object power(BigInteger base, BigInteger exponent) {
        // 0, 1 and -1 stay small; any other base leaves 64 bits within 63 steps
        boolean small = base.abs().bitLength() <= 1;
        BigInteger result = small || exponent.bitLength() < 7
                ? base.pow(small ? exponent.signum() == 0 ? 0 : exponent.testBit(0) ? 1 : 2 : exponent.intValue()) : BigInteger.TWO.pow(64);
        if (result.bitLength() > 63) {
            throw new TemplateException("a power of more than 64 bits");
        }
        return Python.integer(result);
    }

    Object slice(Object target, Object from, Object to, Object step) {
        return switch (target) {
            case Text text -> {
                List<Object> characters = text.length() == text.units() && (step == null || Python.equal(step, 1L)) ? null
                        : Python.iterate(text, limits);
                if (characters == null) {
                    int[] range = range(text.units(), from, to, 1);
                    yield text.slice(range[0], Math.max(range[0], range[1]));
                }
                var out = new TextBuilder(limits);
                sliced(characters, from, to, step).forEach(c -> out.append((Text) c));
                yield out.toText();
            }
            case List<?> list -> sliced(list, from, to, step);
            case Tuple tuple -> new Tuple(sliced(tuple.items(), from, to, step));
            case Undefined undefined -> throw undefined.error();
            case null, default -> throw new TemplateException("a " + Python.type(target) + " can't be sliced");
        };
    }

    private List<Object> sliced(List<?> list, Object from, Object to, Object step) {
        long by = step == null ? 1 : Python.whole(step);
        if (by == 0) {
            throw new TemplateException("a slice's step must not be 0");
        }
        int[] range = range(list.size(), from, to, by);
        limits.list(list.size());
        List<Object> all = new ArrayList<>();
        for (long i = range[0]; by > 0 ? i < range[1] : i > range[1]; i += by) {
            all.add(list.get((int) i));
        }
        return all;
    }

    private static int[] range(int size, Object from, Object to, long step) {
        long first = from == null ? (step > 0 ? 0 : size - 1) : place(Python.whole(from), size, step);
        long end = to == null ? (step > 0 ? size : -1) : place(Python.whole(to), size, step);
        return new int[] {(int) first, (int) end};
    }

    private static long place(long index, int size, long step) {
        long i = index < 0 ? index + size : index;
        return step > 0 ? Math.clamp(i, 0, size) : Math.clamp(i, -1, size - 1);
    }

    /** {@code format % values}: s, r, d, i, f, g, x and %%, with width and precision. */
    Text format(Text format, Object values) {
        List<Object> list = values instanceof Tuple tuple ? tuple.items() : Collections.singletonList(values);
        var out = new TextBuilder(limits);
        String chars = format.toString();
        int used = 0;
        int at = 0;
        while (at < chars.length()) {
            int percent = chars.indexOf('%', at);
            if (percent < 0) {
                break;
            }
            out.append(format, at, percent);
            int end = percent + 1;
            while (end < chars.length() && "+- 0#.123456789".indexOf(chars.charAt(end)) >= 0) {
                end++;
            }
            if (end >= chars.length()) {
                throw new TemplateException("an incomplete format");
            }
            String flags = chars.substring(percent + 1, end);
            char kind = chars.charAt(end);
            at = end + 1;
            if (kind == '%') {
                out.append("%");
                continue;
            }
            if (values instanceof Map<?, ?> || used >= list.size()) {
                throw new TemplateException("not enough values for the format");
            }
            Object value = list.get(used++);
            if (flags.chars().filter(Character::isDigit).count() > 3) {
                throw new TemplateException("a format wider than " + WIDEST);
            }
            switch (kind) {
                case 's' -> out.append(padded(Python.str(value, limits), flags));
                case 'r' -> {
                    var repr = new TextBuilder(limits);
                    Python.repr(value, repr, limits);
                    out.append(padded(repr.toText(), flags));
                }
                case 'd', 'i' -> out.append(number(flags, 'd', value instanceof Double d ? Python.truncated(d) : Python.big(value)));
                case 'x', 'X' -> out.append(number(flags, kind, Python.big(value)));
                case 'f', 'F' -> out.append(number(flags, 'f', Python.real(value)));
                default -> throw new TemplateException("the format %" + kind + " is not supported");
            }
        }
        if (used < list.size() && !(values instanceof Map<?, ?>)) {
            throw new TemplateException("more values than the format takes");
        }
        return out.append(format, at, chars.length()).toText();
    }

    private static String number(String flags, char kind, Object value) {
        try {
            return String.format(Locale.ROOT, "%" + flags + kind, value);
        } catch (java.util.IllegalFormatException e) {
            throw new TemplateException("the format %" + flags + kind + " is not supported");
        }
    }

    private Text padded(Text text, String flags) {
        String digits = flags.replaceAll("[^0-9.]", "");
        int dot = digits.indexOf('.');
        Text cut = text;
        if (dot >= 0) {
            cut = text.slice(0, Math.min(text.units(), dot + 1 < digits.length() ? Integer.parseInt(digits.substring(dot + 1)) : 0));
        }
        String width = dot >= 0 ? digits.substring(0, dot) : digits;
        int missing = width.isEmpty() ? 0 : Math.max(0, Integer.parseInt(width) - cut.length());
        var out = new TextBuilder(limits);
        return flags.startsWith("-") ? out.append(cut).repeat(" ", missing).toText() : out.repeat(" ", missing).append(cut).toText();
    }
}
