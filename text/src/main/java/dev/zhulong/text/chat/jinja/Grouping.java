package dev.zhulong.text.chat.jinja;

import dev.zhulong.text.chat.jinja.Python.Tuple;
import dev.zhulong.text.chat.jinja.Python.Undefined;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/** jinja2's filters that part a list, and the helpers that a template goes through things with. */
final class Grouping {
    private Grouping() {}

    /** What {@code cycler()} makes: the same things again and again. */
    static final class Cycler {
        private final List<Object> items;
        private int at;

        Cycler(Arguments arguments) {
            if (arguments.positional().isEmpty()) {
                throw new TemplateException("cycler needs something to go through");
            }
            items = arguments.positional();
        }

        Object attribute(String name) {
            return switch (name) {
                case "current" -> items.get(at);
                case "next" -> (Python.Callable) _ -> {
                    Object current = items.get(at);
                    at = (at + 1) % items.size();
                    return current;
                };
                case "reset" -> (Python.Callable) _ -> {
                    at = 0;
                    return null;
                };
                default -> new Undefined("a cycler's '" + name + "'");
            };
        }
    }

    /** {@code joiner()}: nothing at first, then what goes between. */
    static Python.Callable joiner(Arguments arguments) {
        Object between = arguments.get(0, "sep", Text.of(", "));
        boolean[] used = {false};
        return _ -> {
            if (used[0]) {
                return between;
            }
            used[0] = true;
            return Text.EMPTY;
        };
    }

    /** Items with an equal attribute together, in the order of the attribute: pairs of it and a list. */
    static List<Object> groupby(Object value, Arguments a) {
        Object attribute = a.required(0, "attribute");
        Object otherwise = a.get(1, "default", null);
        boolean sensitive = Python.truth(a.get(2, "case_sensitive", false));
        record Keyed(Object own, Object folded, Object item) {}
        List<Keyed> items = new ArrayList<>();
        for (Object item : Python.iterate(value, a.limits())) {
            Object key = Filters.path(item, attribute, a.limits(), otherwise);
            items.add(new Keyed(key, Filters.folded(key, sensitive), item));
        }
        a.limits().work(20L * items.size());
        items.sort(Comparator.comparing(Keyed::folded, Python::compare));
        List<Object> groups = new ArrayList<>();
        List<Object> members = null;
        Keyed first = null;
        for (Keyed each : items) {
            if (first == null || !Python.equal(first.folded, each.folded)) {
                first = each;
                members = new ArrayList<>();
                groups.add(new Tuple(Arrays.asList(each.own, members), List.of("grouper", "list")));
            }
            members.add(each.item);
        }
        return groups;
    }

    /** So many lists one beside the other, the first of which are longer where it does not come out even. */
    static List<Object> slice(Object value, Arguments a) {
        long slices = Python.whole(a.required(0, "slices"));
        if (slices < 1) {
            throw new TemplateException("slice needs at least one list");
        }
        a.limits().list(slices);
        List<Object> items = Python.iterate(value, a.limits());
        int each = (int) (items.size() / slices);
        int longer = (int) (items.size() % slices);
        List<Object> lists = new ArrayList<>();
        int from = 0;
        for (int i = 0; i < slices; i++) {
            int to = from + each + (i < longer ? 1 : 0);
            List<Object> list = new ArrayList<>(items.subList(from, to));
            if (a.get(1, "fill_with", null) != null && i >= longer) {
                list.add(a.get(1, "fill_with", null));
            }
            lists.add(list);
            from = to;
        }
        return lists;
    }
}
