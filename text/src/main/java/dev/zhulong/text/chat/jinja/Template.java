package dev.zhulong.text.chat.jinja;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.text.chat.jinja.Python.Callable;
import dev.zhulong.text.chat.jinja.Python.Namespace;
import java.math.BigInteger;
import java.time.LocalDateTime;
import java.time.format.TextStyle;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;

/**
 * A parsed template; safe for several threads.
 *
 * <pre>{@code
 * Text text = Template.parse("{{ name | upper }}").render(Map.of("name", Text.content("Ada")), LocalDateTime::now);
 * }</pre>
 */
public final class Template {
    /** Longer templates are not templates of conversations. */
    private static final int LONGEST = 1 << 20;
    private static final int LONGEST_RANGE = 100_000;

    private final List<Statement> statements;
    private final int length;

    private Template(List<Statement> statements, int length) {
        this.statements = statements;
        this.length = length;
    }

    /** @throws TemplateException where it is none; names the line */
    public static Template parse(String source) {
        if (source.length() > LONGEST) {
            throw new TemplateException("a template of more than " + LONGEST + " characters");
        }
        return new Template(Parser.parse(source), source.length());
    }

    /**
     * Renders with {@code variables}: null, {@link Boolean}, {@link Long}, {@link BigInteger}, {@link Double}, {@link Text}, lists of these and maps from
     * {@link Text} to these.
     *
     * @param now    for {@code strftime_now}
     * @throws TemplateException where the template says so ({@code raise_exception}), goes wrong or does more than its share of work
     */
    public Text render(Map<String, Object> variables, Supplier<LocalDateTime> now) {
        Map<String, Object> globals = new LinkedHashMap<>();
        globals.put("range", (Callable) Template::range);
        globals.put("dict", (Callable) arguments -> map(arguments));
        globals.put("namespace", (Callable) arguments -> new Namespace(map(arguments)));
        globals.put("joiner", (Callable) Grouping::joiner);
        globals.put("cycler", (Callable) Grouping.Cycler::new);
        globals.put("raise_exception", (Callable) arguments -> {
            throw new TemplateException(Python.str(arguments.required(0, "message"), arguments.limits()).toString());
        });
        globals.put("strftime_now", (Callable) arguments -> Text.of(time(arguments.text(0, "format", Text.EMPTY).toString(), now.get())));
        globals.putAll(variables);
        return new Interpreter(globals, new Limits(length + size(variables))).run(statements);
    }

    /** JSON as the values templates know; its strings are marked as content. */
    public static Object value(JsonNode node) {
        return value(node, 0);
    }

    /** The same, its strings with {@code marks} besides. */
    public static Object value(JsonNode node, int marks) {
        return switch (node.getNodeType()) {
            case STRING -> Text.content(node.asText(), marks);
            case BOOLEAN -> node.booleanValue();
            // as Python's json reads them: whole numbers of any length, the others as doubles
            case NUMBER -> node.isIntegralNumber() ? Python.integer(node.bigIntegerValue()) : (Object) node.doubleValue();
            case ARRAY -> {
                List<Object> list = new ArrayList<>();
                node.forEach(item -> list.add(value(item, marks)));
                yield list;
            }
            case OBJECT -> {
                Map<Object, Object> map = new LinkedHashMap<>();
                node.properties().forEach(e -> map.put(Text.content(e.getKey(), marks), value(e.getValue(), marks)));
                yield map;
            }
            default -> null;
        };
    }

    /** A value as transformers' {@code tojson} writes it. */
    public static Text json(Object value) {
        return Json.write(value, new Arguments(List.of(), Map.of(), new Limits(size(value))));
    }

    private static long size(Object value) {
        return switch (value) {
            case Text text -> text.units();
            case List<?> list -> list.stream().mapToLong(Template::size).sum() + list.size();
            case Map<?, ?> map -> map.entrySet().stream().mapToLong(e -> size(e.getKey()) + size(e.getValue())).sum();
            case null, default -> 1;
        };
    }

    private static Map<Object, Object> map(Arguments arguments) {
        Map<Object, Object> map = new LinkedHashMap<>();
        for (Object value : arguments.positional()) {
            if (value instanceof Map<?, ?> other) {
                map.putAll(other);
            } else {
                throw new TemplateException("expected a dictionary, found " + Python.type(value));
            }
        }
        arguments.named().forEach((name, value) -> map.put(Text.of(name), value));
        return map;
    }

    private static Object range(Arguments arguments) {
        arguments.atMost(3);
        long first = Python.whole(arguments.required(0, "start"));
        boolean one = arguments.positional().size() == 1;
        long from = one ? 0 : first;
        long to = one ? first : Python.whole(arguments.get(1, "stop", 0L));
        long step = Python.whole(arguments.get(2, "step", 1L));
        if (step == 0) {
            throw new TemplateException("range's step must not be 0");
        }
        List<Object> all = new ArrayList<>();
        for (long i = from; step > 0 ? i < to : i > to; i = Math.addExact(i, step)) {
            if (all.size() >= LONGEST_RANGE) {
                throw new TemplateException("a range of more than " + LONGEST_RANGE + " numbers");
            }
            all.add(i);
        }
        arguments.limits().list(all.size());
        return all;
    }

    /** C's {@code strftime} in English. */
    private static String time(String format, LocalDateTime now) {
        var out = new StringBuilder();
        for (int i = 0; i < format.length(); i++) {
            char c = format.charAt(i);
            if (c != '%' || i + 1 == format.length()) {
                out.append(c);
                continue;
            }
            char kind = format.charAt(++i);
            boolean bare = kind == '-' && i + 1 < format.length();
            kind = bare ? format.charAt(++i) : kind;
            String two = bare ? "%d" : "%02d";
            out.append(switch (kind) {
                case 'Y' -> Integer.toString(now.getYear());
                case 'y' -> String.format(two, now.getYear() % 100);
                case 'm' -> String.format(two, now.getMonthValue());
                case 'd' -> String.format(two, now.getDayOfMonth());
                case 'e' -> String.format("%2d", now.getDayOfMonth());
                case 'H' -> String.format(two, now.getHour());
                case 'I' -> String.format(two, (now.getHour() + 11) % 12 + 1);
                case 'M' -> String.format(two, now.getMinute());
                case 'S' -> String.format(two, now.getSecond());
                case 'p' -> now.getHour() < 12 ? "AM" : "PM";
                case 'j' -> String.format(bare ? "%d" : "%03d", now.getDayOfYear());
                case 'b' -> now.getMonth().getDisplayName(TextStyle.SHORT, Locale.ENGLISH);
                case 'B' -> now.getMonth().getDisplayName(TextStyle.FULL, Locale.ENGLISH);
                case 'a' -> now.getDayOfWeek().getDisplayName(TextStyle.SHORT, Locale.ENGLISH);
                case 'A' -> now.getDayOfWeek().getDisplayName(TextStyle.FULL, Locale.ENGLISH);
                case 'F' -> time("%Y-%m-%d", now);
                case 'T' -> time("%H:%M:%S", now);
                case '%' -> "%";
                default -> "%" + kind;
            });
        }
        return out.toString();
    }
}
