package dev.zhulong.text.chat.jinja;

import dev.zhulong.text.chat.jinja.Python.Tuple;
import java.math.BigInteger;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Python's {@code json.dumps}, as transformers calls it: nothing is escaped for HTML, and by default nothing but what JSON must. */
final class Json {
    private final TextBuilder out;
    private final Limits limits;
    private final boolean ascii;
    private final int indent;
    private final Text itemSeparator;
    private final Text keySeparator;
    private final boolean sorted;

    private Json(Arguments arguments) {
        limits = arguments.limits();
        out = new TextBuilder(limits);
        ascii = Python.truth(arguments.get(0, "ensure_ascii", false));
        Object width = arguments.get(1, "indent", null);
        indent = width == null ? -1 : (int) Math.clamp(Python.whole(width), 0, 64);
        Object separators = arguments.get(2, "separators", null);
        sorted = Python.truth(arguments.get(3, "sort_keys", false));
        if (separators == null) {
            itemSeparator = Text.of(indent < 0 ? ", " : ",");
            keySeparator = Text.of(": ");
        } else {
            List<Object> both = Python.iterate(separators, limits);
            if (both.size() != 2 || !(both.get(0) instanceof Text item) || !(both.get(1) instanceof Text key)) {
                throw new TemplateException("separators must be two strings");
            }
            itemSeparator = item;
            keySeparator = key;
        }
    }

    static Text write(Object value, Arguments arguments) {
        var json = new Json(arguments);
        json.value(value, 0);
        return json.out.toText();
    }

    private void value(Object value, int depth) {
        limits.enter();
        limits.work(1);
        switch (value) {
            case null -> out.append("null");
            case Boolean b -> out.append(b.toString());
            case Long l -> out.append(l.toString());
            case BigInteger big -> out.append(big.toString());
            case Double d -> out.append(number(d));
            case Text text -> string(text);
            case List<?> list -> list(list, depth);
            case Tuple tuple -> list(tuple.items(), depth);
            case Map<?, ?> map -> map(map, depth);
            default -> throw new TemplateException("an object of type " + Python.type(value) + " has no JSON form");
        }
        limits.leave();
    }

    private void list(List<?> list, int depth) {
        if (list.isEmpty()) {
            out.append("[]");
            return;
        }
        out.append("[");
        for (int i = 0; i < list.size(); i++) {
            if (i > 0) {
                out.append(itemSeparator);
            }
            line(depth + 1);
            value(list.get(i), depth + 1);
        }
        line(depth);
        out.append("]");
    }

    private void map(Map<?, ?> map, int depth) {
        if (map.isEmpty()) {
            out.append("{}");
            return;
        }
        out.append("{");
        boolean first = true;
        Map<?, ?> entries = map;
        if (sorted) {
            var byKey = new TreeMap<Object, Object>(Python::compare);
            byKey.putAll(map);
            entries = byKey;
        }
        for (Map.Entry<?, ?> entry : entries.entrySet()) {
            if (!first) {
                out.append(itemSeparator);
            }
            first = false;
            line(depth + 1);
            string(key(entry.getKey()));
            out.append(keySeparator);
            value(entry.getValue(), depth + 1);
        }
        line(depth);
        out.append("}");
    }

    private static Text key(Object key) {
        return switch (key) {
            case Text text -> text;
            case null -> Text.of("null");
            case Boolean b -> Text.of(b.toString());
            case Long l -> Text.of(l.toString());
            case BigInteger big -> Text.of(big.toString());
            case Double d -> Text.of(number(d));
            default -> throw new TemplateException("a key of type " + Python.type(key) + " has no JSON form");
        };
    }

    private static String number(double d) {
        return Double.isNaN(d) ? "NaN" : Double.isInfinite(d) ? d > 0 ? "Infinity" : "-Infinity" : Python.number(d);
    }

    private void line(int depth) {
        if (indent >= 0) {
            out.append("\n").repeat(" ", (long) indent * depth);
        }
    }

    private void string(Text text) {
        String chars = text.toString();
        out.append("\"");
        int from = 0;
        for (int i = 0; i < chars.length(); i++) {
            char c = chars.charAt(i);
            String escape = switch (c) {
                case '"' -> "\\\"";
                case '\\' -> "\\\\";
                case '\n' -> "\\n";
                case '\r' -> "\\r";
                case '\t' -> "\\t";
                case '\b' -> "\\b";
                case '\f' -> "\\f";
                default -> c < 32 || ascii && c > 126 ? String.format("\\u%04x", (int) c) : null;
            };
            if (escape != null) {
                out.append(text, from, i).append(escape);
                from = i + 1;
            }
        }
        out.append(text, from, chars.length()).append("\"");
    }
}
