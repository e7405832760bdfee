package dev.zhulong.text.chat.jinja;

import dev.zhulong.text.chat.jinja.Python.Callable;
import dev.zhulong.text.chat.jinja.Python.Namespace;
import dev.zhulong.text.chat.jinja.Python.Tuple;
import dev.zhulong.text.chat.jinja.Python.Undefined;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Attributes, items and methods of values: those that change nothing, and no others. */
final class Members {
    private static final Set<String> CHANGING = Set.of("append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort", "popitem",
            "setdefault", "update");

    private Members() {}

    /** {@code target.name}: what Python calls an attribute comes before a dictionary's key. */
    static Object attribute(Object target, String name) {
        if (name.startsWith("_")) {
            throw new TemplateException("access to attribute '" + name + "' is unsafe");
        }
        return switch (target) {
            case Undefined undefined -> throw undefined.error();
            case Namespace namespace -> namespace.fields().getOrDefault(Text.of(name), new Undefined("attribute '" + name + "'"));
            case Grouping.Cycler cycler -> cycler.attribute(name);
            case Interpreter.Loop loop -> loop.state().containsKey(Text.of(name)) ? loop.state().get(Text.of(name)) : absent(target, name);
            case Map<?, ?> map -> {
                Callable method = method(map, name);
                yield method != null ? method : map.containsKey(Text.of(name)) ? map.get(Text.of(name)) : absent(target, name);
            }
            case Text text -> Strings.method(text, name).map(m -> (Object) m).orElseGet(() -> absent(target, name));
            case List<?> list -> {
                Callable method = method(list, name);
                yield method != null ? method : absent(target, name);
            }
            case Tuple tuple when tuple.names().contains(name) -> tuple.items().get(tuple.names().indexOf(name));
            case Tuple tuple -> {
                Callable method = method(tuple.items(), name);
                yield method != null ? method : absent(target, name);
            }
            case null, default -> absent(target, name);
        };
    }

    private static Object absent(Object target, String name) {
        return new Undefined("'" + Python.type(target) + " object' has no attribute '" + name + "', which");
    }

    /** {@code target[key]}: a key comes before an attribute. */
    static Object item(Object target, Object key) {
        return switch (target) {
            case Undefined undefined -> throw undefined.error();
            case Map<?, ?> map when map.containsKey(Python.key(key)) -> map.get(Python.key(key));
            case List<?> list when key instanceof Long || key instanceof Boolean -> at(list, Python.whole(key), target);
            case Tuple tuple when key instanceof Long || key instanceof Boolean -> at(tuple.items(), Python.whole(key), target);
            case Text text when key instanceof Long || key instanceof Boolean -> {
                int n = text.length();
                long i = Python.whole(key) < 0 ? Python.whole(key) + n : Python.whole(key);
                if (i < 0 || i >= n) {
                    yield absent(target, key.toString());
                }
                int from = text.toString().offsetByCodePoints(0, (int) i);
                yield text.slice(from, text.toString().offsetByCodePoints(from, 1));
            }
            case null, default -> {
                if (key instanceof Undefined undefined) {
                    throw undefined.error();
                }
                yield key instanceof Text name ? attribute(target, name.toString()) : absent(target, String.valueOf(key));
            }
        };
    }

    private static Object at(List<?> list, long index, Object target) {
        long i = index < 0 ? index + list.size() : index;
        return i >= 0 && i < list.size() ? list.get((int) i) : absent(target, Long.toString(index));
    }

    private static Callable method(Map<?, ?> map, String name) {
        refuse(name, "dict");
        return switch (name) {
            case "items" -> arguments -> pairs(map, arguments.limits());
            case "keys" -> arguments -> {
                arguments.limits().list(map.size());
                return new ArrayList<Object>(map.keySet());
            };
            case "values" -> arguments -> {
                arguments.limits().list(map.size());
                return new ArrayList<Object>(map.values());
            };
            case "get" -> arguments -> {
                Object key = Python.key(arguments.required(0, "key"));
                return map.containsKey(key) ? map.get(key) : arguments.get(1, "default", null);
            };
            case "copy" -> _ -> map;
            default -> null;
        };
    }

    static List<Object> pairs(Map<?, ?> map, Limits limits) {
        limits.list(2L * map.size());
        List<Object> pairs = new ArrayList<>();
        map.forEach((key, value) -> pairs.add(new Tuple(java.util.Arrays.asList(key, value))));
        return pairs;
    }

    private static Callable method(List<?> list, String name) {
        refuse(name, "list");
        return switch (name) {
            case "index" -> arguments -> {
                Object value = arguments.required(0, "value");
                arguments.limits().work(list.size());
                for (int i = 0; i < list.size(); i++) {
                    if (Python.equal(list.get(i), value)) {
                        return (long) i;
                    }
                }
                throw new TemplateException("the value is not in the list");
            };
            case "count" -> arguments -> {
                Object value = arguments.required(0, "value");
                arguments.limits().work(list.size());
                return list.stream().filter(item -> Python.equal(item, value)).count();
            };
            case "copy" -> _ -> list;
            default -> null;
        };
    }

    private static void refuse(String name, String type) {
        if (CHANGING.contains(name)) {
            throw new TemplateException("access to attribute '" + name + "' of a " + type + " is unsafe: values can't be changed");
        }
    }
}
