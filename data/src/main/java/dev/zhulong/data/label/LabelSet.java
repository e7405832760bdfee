package dev.zhulong.data.label;

import java.math.BigInteger;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeSet;

/**
 * The labels of a head, in the order of its outputs. The order never depends on that of the rows.
 *
 * @param names label of each output
 */
public record LabelSet(List<String> names) {
    private static final Comparator<String> BY_NUMBER = Comparator.comparing(BigInteger::new);

    /** @throws IllegalArgumentException where there are none, or one is there twice */
    public LabelSet {
        names = List.copyOf(names);
        var seen = new TreeSet<String>();
        for (String name : names) {
            if (!seen.add(name)) {
                throw new IllegalArgumentException("label '" + name + "' is given twice");
            }
        }
        if (names.isEmpty()) {
            throw new IllegalArgumentException("there are no labels");
        }
    }

    /** The different ones of {@code labels}, sorted: by their characters, or as numbers where all are whole numbers. */
    public static LabelSet sorted(Collection<String> labels) {
        boolean numbers = labels.stream().allMatch(label -> label.matches("-?\\d{1,18}"));
        var all = new TreeSet<String>(labels);
        return new LabelSet(numbers ? all.stream().sorted(BY_NUMBER).toList() : List.copyOf(all));
    }

    public int size() {
        return names.size();
    }

    /** The output of a label. */
    public OptionalInt id(String label) {
        int at = names.indexOf(label);
        return at < 0 ? OptionalInt.empty() : OptionalInt.of(at);
    }

    /**
     * The outputs of labels.
     *
     * @param where the row they are from, for the message
     * @throws IllegalArgumentException where one is not of this set; names the row, the label and the set
     */
    public int[] ids(List<String> labels, String where) {
        Map<String, Integer> ids = index();
        return labels.stream().mapToInt(label -> {
            Integer id = ids.get(label);
            if (id == null) {
                throw new IllegalArgumentException(where + ": label '" + label + "' is none of the " + names.size() + " that the model is trained for: "
                        + String.join(", ", names.stream().limit(20).toList()) + (names.size() > 20 ? ", ..." : ""));
            }
            return id;
        }).toArray();
    }

    private Map<String, Integer> index() {
        Map<String, Integer> ids = new HashMap<>();
        for (String name : names) {
            ids.put(name, ids.size());
        }
        return ids;
    }
}
