package dev.zhulong.text.chat.jinja;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Python's {@code str.format} in jinja2's sandbox: fields reach what templates reach, and nothing else. */
final class StrFormat {
    private static final Pattern SPEC = Pattern.compile("(?:(?<fill>.)?(?<align>[<>=^]))?(?<sign>[-+ ])?(?<alternate>#)?(?<zero>0)?(?<width>\\d{1,5})?(?<comma>[,_])?(?:\\.(?<precision>\\d{1,3}))?(?<type>[bcdeEfFgGnosxX%])?",
            Pattern.DOTALL);
    private static final Pattern FIELD = Pattern.compile("(?<first>[^.\\[]*)(?<rest>(?:\\.[^.\\[]+|\\[[^\\]]+\\])*)");
    private static final Pattern STEP = Pattern.compile("\\.(?<attribute>[^.\\[]+)|\\[(?<item>[^\\]]+)\\]");
    private static final int DEEPEST = 2;

    private final Arguments arguments;
    /** The next field without a name; -1 once one had a number. */
    private int automatic;

    private StrFormat(Arguments arguments) {
        this.arguments = arguments;
    }

    static Text of(Text format, Arguments arguments) {
        return new StrFormat(arguments).format(format, 0);
    }

    private Text format(Text format, int depth) {
        if (depth == DEEPEST) {
            throw new TemplateException("format: fields nested too deep");
        }
        var out = new TextBuilder(arguments.limits());
        String chars = format.toString();
        for (int at = 0; at < chars.length(); ) {
            char c = chars.charAt(at);
            if (c != '{' && c != '}') {
                int end = at;
                while (end < chars.length() && chars.charAt(end) != '{' && chars.charAt(end) != '}') {
                    end++;
                }
                out.append(format, at, end);
                at = end;
            } else if (at + 1 < chars.length() && chars.charAt(at + 1) == c) {
                out.append(format, at, at + 1);
                at += 2;
            } else if (c == '}') {
                throw new TemplateException("format: a single '}'");
            } else {
                int end = end(chars, at);
                out.append(field(format.slice(at + 1, end), depth));
                at = end + 1;
            }
        }
        return out.toText();
    }

    private static int end(String chars, int from) {
        int open = 0;
        for (int at = from; at < chars.length(); at++) {
            open += chars.charAt(at) == '{' ? 1 : chars.charAt(at) == '}' ? -1 : 0;
            if (open == 0) {
                return at;
            }
        }
        throw new TemplateException("format: a '{' without its '}'");
    }

    private Text field(Text field, int depth) {
        String chars = field.toString();
        int colon = chars.indexOf(':');
        String name = colon < 0 ? chars : chars.substring(0, colon);
        int conversion = name.indexOf('!');
        Object value = value(conversion < 0 ? name : name.substring(0, conversion));
        if (conversion >= 0) {
            value = converted(value, name.substring(conversion + 1));
        }
        // fields without numbers are counted in the order in which they begin
        return formatted(value, colon < 0 ? "" : format(field.slice(colon + 1, chars.length()), depth + 1).toString());
    }

    private Object value(String name) {
        Matcher parts = FIELD.matcher(name);
        if (!parts.matches()) {
            throw new TemplateException("format: the field " + name + " is malformed");
        }
        String first = parts.group("first");
        Object value;
        if (first.isEmpty() || first.matches("\\d{1,6}")) {
            if (first.isEmpty() == (automatic < 0) && automatic != 0) {
                throw new TemplateException("format: fields have numbers or have none, not both");
            }
            int place = first.isEmpty() ? automatic++ : Integer.parseInt(first);
            automatic = first.isEmpty() ? automatic : -1;
            if (place >= arguments.positional().size()) {
                throw new TemplateException("format: there is no value " + place);
            }
            value = arguments.positional().get(place);
        } else if (arguments.named().containsKey(first)) {
            value = arguments.named().get(first);
        } else {
            throw new TemplateException("format: there is no value " + first);
        }
        Matcher step = STEP.matcher(parts.group("rest"));
        while (step.find()) {
            String attribute = step.group("attribute");
            String item = step.group("item");
            value = attribute != null ? Members.attribute(value, attribute) : Members.item(value, item.matches("\\d{1,9}") ? (Object) Long.valueOf(item) : Text.of(item));
            if (value instanceof Python.Undefined undefined) {
                throw undefined.error();
            }
        }
        return value;
    }

    private Text converted(Object value, String conversion) {
        return switch (conversion) {
            case "s" -> Python.str(value, arguments.limits());
            case "r" -> {
                var repr = new TextBuilder(arguments.limits());
                Python.repr(value, repr, arguments.limits());
                yield repr.toText();
            }
            default -> throw new TemplateException("format: the conversion !" + conversion + " is not supported");
        };
    }

    private Text formatted(Object value, String spec) {
        if (spec.isEmpty()) {
            return Python.str(value, arguments.limits());
        }
        Matcher parts = SPEC.matcher(spec);
        if (!parts.matches()) {
            throw new TemplateException("format: the specification " + spec + " is not understood");
        }
        String type = parts.group("type") == null ? "" : parts.group("type");
        if (value instanceof Text text) {
            if (!type.isEmpty() && !type.equals("s") || parts.group("sign") != null || parts.group("comma") != null || "=".equals(parts.group("align"))) {
                throw new TemplateException("format: " + spec + " is not for a string");
            }
            String precision = parts.group("precision");
            Text cut = precision == null ? text : text.slice(0, text.toString().offsetByCodePoints(0, Math.min(text.length(), Integer.parseInt(precision))));
            return padded(cut, parts, "<");
        }
        if (!Python.isInteger(value) && !(value instanceof Double)) {
            throw new TemplateException("format: unsupported specification " + spec + " for a " + Python.type(value));
        }
        boolean whole = Python.isInteger(value) && (type.isEmpty() || "bcdnoxX".contains(type));
        if (whole && parts.group("precision") != null || !whole && "bcdnoxXs".contains(type) && !type.isEmpty()) {
            throw new TemplateException("format: " + spec + " is not for a " + Python.type(value));
        }
        if (type.equals("c")) {
            return padded(Text.of(Character.toString((int) Math.clamp(Python.whole(value), 0, Character.MAX_CODE_POINT))), parts, "<");
        }
        String digits = whole ? whole(Python.big(value), type, parts.group("alternate") != null) : real(Python.real(value), type, parts.group("precision"));
        boolean negative = digits.startsWith("-");
        String sign = negative ? "-" : parts.group("sign") == null || parts.group("sign").equals("-") ? "" : parts.group("sign");
        String body = grouped(negative ? digits.substring(1) : digits, parts.group("comma"), type);
        if (parts.group("align") == null && parts.group("zero") != null || "=".equals(parts.group("align"))) {
            int width = parts.group("width") == null ? 0 : Integer.parseInt(parts.group("width"));
            String fill = parts.group("fill") != null ? parts.group("fill") : parts.group("zero") != null ? "0" : " ";
            return new TextBuilder(arguments.limits()).append(sign).repeat(fill, width - sign.length() - body.length()).append(body).toText();
        }
        return padded(Text.of(sign + body), parts, ">");
    }

    private Text padded(Text text, Matcher parts, String usual) {
        int missing = parts.group("width") == null ? 0 : Integer.parseInt(parts.group("width")) - text.length();
        String fill = parts.group("fill") != null ? parts.group("fill") : parts.group("zero") != null ? "0" : " ";
        String align = parts.group("align") == null ? usual : parts.group("align");
        int before = align.equals("<") ? 0 : align.equals(">") ? missing : missing / 2;
        return new TextBuilder(arguments.limits()).repeat(fill, before).append(text).repeat(fill, missing - before).toText();
    }

    private static String whole(BigInteger value, String type, boolean alternate) {
        int radix = switch (type) {
            case "b" -> 2;
            case "o" -> 8;
            case "x", "X" -> 16;
            default -> 10;
        };
        String digits = value.abs().toString(radix);
        String prefix = alternate && radix != 10 ? "0" + type : "";
        return (value.signum() < 0 ? "-" : "") + prefix + (type.equals("X") ? digits.toUpperCase(Locale.ROOT) : digits);
    }

    private static String real(double value, String type, String precision) {
        if (Double.isNaN(value) || Double.isInfinite(value)) {
            return Python.number(value) + (type.equals("%") ? "%" : "");
        }
        int places = precision == null ? 6 : Integer.parseInt(precision);
        BigDecimal exact = new BigDecimal(value);
        String text = switch (type) {
            case "f", "F" -> exact.setScale(places, RoundingMode.HALF_EVEN).toPlainString();
            case "%" -> exact.movePointRight(2).setScale(places, RoundingMode.HALF_EVEN).toPlainString() + "%";
            case "e", "E" -> scientific(exact, places, false);
            case "" -> precision == null ? Python.number(value) : general(exact, Math.max(1, places), true);
            default -> general(exact, Math.max(1, places), false);
        };
        if (value == 0 && 1 / value < 0 || value < 0 && !text.startsWith("-")) {
            text = text.startsWith("-") ? text : "-" + text;
        }
        return type.equals("E") || type.equals("G") ? text.toUpperCase(Locale.ROOT) : text;
    }

    private static String scientific(BigDecimal exact, int places, boolean strip) {
        BigDecimal rounded = exact.signum() == 0 ? BigDecimal.ZERO.setScale(places) : exact.round(new MathContext(places + 1, RoundingMode.HALF_EVEN));
        int exponent = exact.signum() == 0 ? 0 : rounded.precision() - rounded.scale() - 1;
        String digits = exact.signum() == 0 ? "0".repeat(places + 1) : rounded.unscaledValue().abs().toString();
        digits = digits + "0".repeat(Math.max(0, places + 1 - digits.length()));
        digits = strip ? digits.replaceAll("(?<=.)0+$", "") : digits;
        return (exact.signum() < 0 ? "-" : "") + digits.charAt(0) + (digits.length() > 1 ? "." + digits.substring(1) : "") + "e" + (exponent < 0 ? "-" : "+") + (Math.abs(exponent) < 10 ? "0" : "")
                + Math.abs(exponent);
    }

    /** @param point whether there is always a digit after the point, as where no type is said */
    private static String general(BigDecimal exact, int digits, boolean point) {
        BigDecimal rounded = exact.round(new MathContext(digits, RoundingMode.HALF_EVEN));
        int exponent = exact.signum() == 0 ? 0 : rounded.precision() - rounded.scale() - 1;
        if (exponent < -4 || exponent >= (point ? Math.max(digits - 1, 1) : digits)) {
            return exponent >= digits || exponent < -4 || point ? scientific(exact, digits - 1, true) : rounded.toPlainString();
        }
        String plain = exact.signum() == 0 ? "0" : rounded.stripTrailingZeros().toPlainString();
        return point && !plain.contains(".") ? plain + ".0" : plain;
    }

    private static String grouped(String digits, String comma, String type) {
        if (comma == null) {
            return digits;
        }
        int end = 0;
        while (end < digits.length() && Character.digit(digits.charAt(end), type.equals("x") || type.equals("X") ? 16 : 10) >= 0) {
            end++;
        }
        int size = "boxX".contains(type) && !type.isEmpty() ? 4 : 3;
        var out = new StringBuilder(digits);
        for (int at = end - size; at > 0; at -= size) {
            out.insert(at, comma);
        }
        return out.toString();
    }
}
