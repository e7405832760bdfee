package dev.zhulong.text.chat.jinja;

import dev.zhulong.text.chat.jinja.Python.Tuple;
import dev.zhulong.text.chat.jinja.Python.Undefined;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** jinja2's filters, those that templates of conversations use. */
final class Filters {
    static final Set<String> NAMES = Set.of("tojson", "trim", "length", "count", "upper", "lower", "title", "capitalize", "replace", "join", "default",
            "d", "list", "map", "select", "reject", "selectattr", "rejectattr", "items", "dictsort", "first", "last", "unique", "int", "float",
            "string", "abs", "round", "sort", "reverse", "indent", "safe", "escape", "e", "sum", "min", "max", "batch", "format",
            "wordcount", "attr", "groupby", "slice", "center", "truncate", "urlencode", "forceescape", "pprint");

    private Filters() {}

    static Object apply(String name, Object value, Arguments a) {
        Limits limits = a.limits();
        return switch (name) {
            case "tojson" -> tojson(value, a);
            case "trim" -> Strings.strip(text(value, limits), a, true, true);
            case "length", "count" -> length(value);
            case "upper" -> text(value, limits).like(text(value, limits).toString().toUpperCase(Locale.ROOT));
            case "lower" -> text(value, limits).like(text(value, limits).toString().toLowerCase(Locale.ROOT));
            case "title" -> text(value, limits).like(Strings.title(text(value, limits).toString(), true));
            case "capitalize" -> text(value, limits).like(Strings.capitalize(text(value, limits).toString()));
            case "replace" -> Strings.replace(text(value, limits), text(a.required(0, "old"), limits), text(a.required(1, "new"), limits),
                    a.get(2, "count", null) == null ? -1 : Python.whole(a.get(2, "count", null)), limits);
            case "join" -> join(value, a);
            case "default", "d" -> value instanceof Undefined || Python.truth(a.get(1, "boolean", false)) && !Python.truth(value)
                    ? a.get(0, "default_value", Text.EMPTY) : value;
            case "list" -> new ArrayList<>(Python.iterate(value, limits));
            case "map" -> map(value, a);
            case "select" -> chosen(value, a, true, false);
            case "reject" -> chosen(value, a, false, false);
            case "selectattr" -> chosen(value, a, true, true);
            case "rejectattr" -> chosen(value, a, false, true);
            case "items" -> value instanceof Undefined ? List.of() : Members.pairs(mapping(value), limits);
            case "dictsort" -> dictsort(value, a);
            case "first" -> first(Python.iterate(value, limits));
            case "last" -> first(Python.iterate(value, limits).reversed());
            case "unique" -> unique(value, a);
            case "int" -> integer(value, a);
            case "float" -> real(value, a);
            case "string" -> text(value, limits);
            case "abs" -> value instanceof Double d ? (Object) Math.abs(d) : Python.integer(Python.big(value).abs());
            case "round" -> round(value, a);
            case "sort" -> sort(value, a);
            case "reverse" -> reverse(value, limits);
            case "indent" -> indent(text(value, limits), a);
            case "safe" -> text(value, limits);
            case "escape", "e" -> escape(text(value, limits), limits);
            case "sum" -> sum(value, a);
            case "min", "max" -> extreme(value, a, name.equals("max"));
            case "batch" -> batch(value, a);
            case "format" -> new Operators(limits).format(text(value, limits), new Tuple(a.positional()));
            case "wordcount" -> (long) ((List<?>) Strings.method(text(value, limits), "split").orElseThrow().call(new Arguments(List.of(), Map.of(),
                    limits))).size();
            case "groupby" -> Grouping.groupby(value, a);
            case "slice" -> Grouping.slice(value, a);
            case "center" -> Strings.method(text(value, limits), "center").orElseThrow().call(new Arguments(List.of(a.get(0, "width", 80L)), Map.of(), limits));
            case "truncate" -> truncate(text(value, limits), a);
            case "urlencode" -> text(value, limits).like(URLEncoder.encode(text(value, limits).toString(), StandardCharsets.UTF_8).replace("+", "%20").replace("*", "%2A").replace("%7E", "~")
                    .replace("%2F", "/"));
            case "forceescape" -> escape(text(value, limits), limits);
            case "pprint" -> {
                var repr = new TextBuilder(limits);
                Python.repr(value, repr, limits);
                yield repr.toText();
            }
            case "attr" -> Members.attribute(value, text(a.required(0, "name"), limits).toString());
            default -> throw new TemplateException("no filter is called '" + name + "'");
        };
    }

    private static Text text(Object value, Limits limits) {
        return Python.str(value, limits);
    }

    private static Text tojson(Object value, Arguments a) {
        if (value instanceof Undefined undefined) {
            throw undefined.error();
        }
        // transformers' signature: tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False)
        return Json.write(value, a);
    }

    private static long length(Object value) {
        return switch (value) {
            case Text text -> text.length();
            case List<?> list -> list.size();
            case Tuple tuple -> tuple.items().size();
            case Map<?, ?> map -> map.size();
            case Undefined _ -> 0;
            case null, default -> throw new TemplateException("a " + Python.type(value) + " has no length");
        };
    }

    private static Map<?, ?> mapping(Object value) {
        if (value instanceof Map<?, ?> map) {
            return map;
        }
        throw new TemplateException("expected a dictionary, found " + Python.type(value));
    }

    private static Object join(Object value, Arguments a) {
        List<Object> items = Python.iterate(value, a.limits());
        Object attribute = a.get(1, "attribute", null);
        if (attribute != null) {
            items = items.stream().map(item -> path(item, attribute, a.limits())).toList();
        }
        return Strings.join(text(a.get(0, "d", Text.EMPTY), a.limits()), items, a.limits(), false);
    }

    /** {@code a.b.0} of an item. */
    private static Object path(Object item, Object attribute, Limits limits) {
        return path(item, attribute, limits, null);
    }

    /** The same, with something else for each part that is not there. */
    static Object path(Object item, Object attribute, Limits limits, Object otherwise) {
        if (attribute instanceof Long) {
            return Members.item(item, attribute);
        }
        Object value = item;
        for (String part : text(attribute, limits).toString().split("\\.")) {
            limits.work(1);
            value = Members.item(value, part.matches("\\d{1,9}") ? (Object) Long.valueOf(part) : Text.of(part));
            value = value instanceof Undefined && otherwise != null ? otherwise : value;
        }
        return value;
    }

    /** These filters take whatever is false, None too, for nothing. */
    private static List<Object> some(Object value, Limits limits) {
        return Python.truth(value) ? Python.iterate(value, limits) : List.of();
    }

    private static List<Object> map(Object value, Arguments a) {
        List<Object> mapped = new ArrayList<>();
        for (Object item : some(value, a.limits())) {
            if (a.named().containsKey("attribute")) {
                mapped.add(path(item, a.named().get("attribute"), a.limits(), a.named().get("default")));
            } else {
                String filter = text(a.required(0, "filter"), a.limits()).toString();
                mapped.add(apply(filter, item, a.from(1)));
            }
        }
        return mapped;
    }

    private static List<Object> chosen(Object value, Arguments a, boolean keep, boolean attribute) {
        int first = attribute ? 1 : 0;
        Object of = attribute ? a.required(0, "attr") : null;
        List<Object> kept = new ArrayList<>();
        for (Object item : some(value, a.limits())) {
            a.limits().work(2);
            Object tested = attribute ? path(item, of, a.limits()) : item;
            boolean holds = a.positional().size() <= first ? Python.truth(tested)
                    : Tests.apply(text(a.positional().get(first), a.limits()).toString(), tested, a.from(first + 1));
            if (holds == keep) {
                kept.add(item);
            }
        }
        return kept;
    }

    private static List<Object> dictsort(Object value, Arguments a) {
        boolean sensitive = Python.truth(a.get(0, "case_sensitive", false));
        boolean byValue = text(a.get(1, "by", Text.of("key")), a.limits()).toString().equals("value");
        boolean reverse = Python.truth(a.get(2, "reverse", false));
        List<Object> pairs = Members.pairs(mapping(value), a.limits());
        Comparator<Object> order = (x, y) -> Python.compare(folded(((Tuple) x).items().get(byValue ? 1 : 0), sensitive),
                folded(((Tuple) y).items().get(byValue ? 1 : 0), sensitive));
        return sorted(pairs, reverse ? order.reversed() : order, a.limits());
    }

    static Object folded(Object value, boolean sensitive) {
        return !sensitive && value instanceof Text text ? Text.of(text.toString().toLowerCase(Locale.ROOT)) : value;
    }

    private static List<Object> sorted(List<Object> items, Comparator<Object> order, Limits limits) {
        limits.work(20L * items.size());
        List<Object> all = new ArrayList<>(items);
        all.sort(order);
        return all;
    }

    private static List<Object> sort(Object value, Arguments a) {
        boolean reverse = Python.truth(a.get(0, "reverse", false));
        boolean sensitive = Python.truth(a.get(1, "case_sensitive", false));
        Object attribute = a.get(2, "attribute", null);
        Comparator<Object> order = (x, y) -> Python.compare(folded(attribute == null ? x : path(x, attribute, a.limits()), sensitive),
                folded(attribute == null ? y : path(y, attribute, a.limits()), sensitive));
        return sorted(Python.iterate(value, a.limits()), reverse ? order.reversed() : order, a.limits());
    }

    private static Object first(List<Object> items) {
        return items.isEmpty() ? new Undefined("the first of no items") : items.getFirst();
    }

    private static List<Object> unique(Object value, Arguments a) {
        boolean sensitive = Python.truth(a.get(0, "case_sensitive", false));
        Object attribute = a.get(1, "attribute", null);
        Set<Object> seen = new java.util.HashSet<>();
        List<Object> kept = new ArrayList<>();
        for (Object item : Python.iterate(value, a.limits())) {
            a.limits().work(1);
            if (seen.add(folded(attribute == null ? item : path(item, attribute, a.limits()), sensitive))) {
                kept.add(item);
            }
        }
        return kept;
    }

    private static Object integer(Object value, Arguments a) {
        Object otherwise = a.get(0, "default", 0L);
        try {
            return switch (value) {
                case Text text -> {
                    String s = text.toString().strip().replace("_", "");
                    yield Python.integer(s.matches("[+-]?\\d{1," + Python.MOST_DIGITS + "}") ? new BigInteger(s) : Python.truncated(Double.parseDouble(s)));
                }
                case Double d -> Python.integer(Python.truncated(d));
                case Long l -> l;
                case BigInteger big -> big;
                case Boolean b -> b ? 1L : 0L;
                case null, default -> otherwise;
            };
        } catch (NumberFormatException | TemplateException e) {
            return otherwise;
        }
    }

    private static Object real(Object value, Arguments a) {
        Object otherwise = a.get(0, "default", 0.0);
        try {
            return switch (value) {
                case Text text -> Double.parseDouble(text.toString().strip());
                case Double d -> d;
                case Long l -> (double) l;
                case BigInteger big -> Python.real(big);
                case Boolean b -> b ? 1.0 : 0.0;
                case null, default -> otherwise;
            };
        } catch (NumberFormatException e) {
            return otherwise;
        }
    }

    private static Object round(Object value, Arguments a) {
        int precision = (int) Math.clamp(Python.whole(a.get(0, "precision", 0L)), -300, 300);
        String method = text(a.get(1, "method", Text.of("common")), a.limits()).toString();
        if (Python.isInteger(value) && precision >= 0 && method.equals("common")) {
            return value instanceof Boolean ? Python.whole(value) : value;
        }
        double d = Python.real(value);
        if (Double.isNaN(d) || Double.isInfinite(d)) {
            return d;
        }
        RoundingMode mode = switch (method) {
            case "common" -> RoundingMode.HALF_EVEN;
            case "ceil" -> RoundingMode.CEILING;
            case "floor" -> RoundingMode.FLOOR;
            default -> throw new TemplateException("round's method must be common, ceil or floor");
        };
        return new BigDecimal(d).setScale(precision, mode).doubleValue();
    }

    private static Object reverse(Object value, Limits limits) {
        List<Object> reversed = new ArrayList<>(Python.iterate(value, limits).reversed());
        return value instanceof Text ? Strings.join(Text.EMPTY, reversed, limits, false) : reversed;
    }

    private static Text indent(Text text, Arguments a) {
        Object width = a.get(0, "width", 4L);
        boolean first = Python.truth(a.get(1, "first", false));
        boolean blank = Python.truth(a.get(2, "blank", false));
        Text by = width instanceof Text given ? given : Text.of(" ".repeat((int) Math.clamp(Python.whole(width), 0, 1000)));
        var out = new TextBuilder(a.limits());
        int from = 0;
        String chars = text.toString();
        for (int line = 0; from <= chars.length(); line++) {
            int end = chars.indexOf('\n', from);
            int to = end < 0 ? chars.length() : end;
            if ((line > 0 || first) && (to > from || blank)) {
                out.append(by);
            }
            out.append(text, from, to);
            if (end < 0) {
                break;
            }
            out.append(text, end, end + 1);
            from = end + 1;
        }
        return out.toText();
    }

    private static Text truncate(Text text, Arguments a) {
        int length = (int) Math.clamp(Python.whole(a.get(0, "length", 255L)), 0, Limits.LONGEST_TEXT);
        Text end = text(a.get(2, "end", Text.of("...")), a.limits());
        int leeway = (int) Math.clamp(Python.whole(a.get(3, "leeway", 5L)), 0, Limits.LONGEST_TEXT);
        if (length < end.length() || text.length() <= length + leeway) {
            if (length < end.length()) {
                throw new TemplateException("truncate: a length of at least " + end.length() + " is expected, found " + length);
            }
            return text;
        }
        String chars = text.toString();
        Text cut = text.slice(0, chars.offsetByCodePoints(0, length - end.length()));
        if (!Python.truth(a.get(1, "killwords", false))) {
            int space = cut.toString().lastIndexOf(' ');
            cut = space < 0 ? cut : cut.slice(0, space);
        }
        return new TextBuilder(a.limits()).append(cut).append(end).toText();
    }

    private static Text escape(Text text, Limits limits) {
        Text out = text;
        for (String[] each : new String[][] {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&#34;"}, {"'", "&#39;"}}) {
            out = Strings.replace(out, Text.of(each[0]), Text.of(each[1]), -1, limits);
        }
        return out;
    }

    private static Object sum(Object value, Arguments a) {
        Object attribute = a.get(0, "attribute", null);
        Object total = a.get(1, "start", 0L);
        var operators = new Operators(a.limits());
        for (Object item : Python.iterate(value, a.limits())) {
            total = operators.binary("+", total, attribute == null ? item : path(item, attribute, a.limits()));
        }
        return total;
    }

    private static Object extreme(Object value, Arguments a, boolean greatest) {
        boolean sensitive = Python.truth(a.get(0, "case_sensitive", false));
        Object attribute = a.get(1, "attribute", null);
        Object best = null;
        boolean any = false;
        for (Object item : Python.iterate(value, a.limits())) {
            int order = any ? Python.compare(folded(attribute == null ? item : path(item, attribute, a.limits()), sensitive),
                    folded(attribute == null ? best : path(best, attribute, a.limits()), sensitive)) : 0;
            if (!any || (greatest ? order > 0 : order < 0)) {
                best = item;
            }
            any = true;
        }
        return any ? best : new Undefined("the extreme of no items");
    }

    private static List<Object> batch(Object value, Arguments a) {
        long size = Python.whole(a.required(0, "linecount"));
        if (size < 1) {
            throw new TemplateException("batch needs at least one item a line");
        }
        List<Object> items = Python.iterate(value, a.limits());
        List<Object> lines = new ArrayList<>();
        for (long from = 0; from < items.size(); from += size) {
            List<Object> line = new ArrayList<>(items.subList((int) from, (int) Math.min(items.size(), from + size)));
            while (a.has(1, "fill_with") && line.size() < size) {
                a.limits().list(1);
                line.add(a.get(1, "fill_with", null));
            }
            lines.add(line);
        }
        return lines;
    }
}
