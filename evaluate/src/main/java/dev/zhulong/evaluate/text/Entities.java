package dev.zhulong.evaluate.text;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;

/**
 * Named entities said and right, an entity counting only whole and of its type, as seqeval's default mode (conlleval's) finds them in tags of
 * BIO, IOB or BIOES.
 *
 * @param types by type of entity
 */
public record Entities(SortedMap<String, Classification.Class> types) {
    /** An entity from token {@code from} to {@code to}, inclusive. */
    private record Span(int sentence, String type, int from, int to) {}

    /**
     * @param said  tags of each sentence
     * @param right as many
     * @throws IllegalArgumentException where sentences or their tags do not stand side by side
     */
    public static Entities of(List<List<String>> said, List<List<String>> right) {
        if (said.size() != right.size()) {
            throw new IllegalArgumentException(Segment.mismatch(said.size(), "the references", right.size()));
        }
        Set<Span> found = new HashSet<>();
        Set<Span> wanted = new HashSet<>();
        for (int s = 0; s < said.size(); s++) {
            if (said.get(s).size() != right.get(s).size()) {
                throw new IllegalArgumentException("sentence " + (s + 1) + " has " + said.get(s).size() + " tags but its reference "
                        + right.get(s).size() + ": tag i of one is compared with tag i of the other");
            }
            found.addAll(spans(s, said.get(s)));
            wanted.addAll(spans(s, right.get(s)));
        }
        return count(found, wanted, Span::type);
    }

    /** An entity that is only written, not placed; the {@code occurrence}-th of its sentence that reads so. */
    private record Named(int sentence, String type, String text, int occurrence) {}

    /**
     * Entities written out, {@code TYPE: text}, one a line or with {@code ;} between them, in any order; case of the type does not count.
     *
     * @param said  of each sentence
     * @param right as many
     */
    public static Entities ofLists(List<String> said, List<String> right) {
        if (said.size() != right.size()) {
            throw new IllegalArgumentException(Segment.mismatch(said.size(), "the references", right.size()));
        }
        Set<Named> found = new HashSet<>();
        Set<Named> wanted = new HashSet<>();
        for (int s = 0; s < said.size(); s++) {
            found.addAll(named(s, said.get(s)));
            wanted.addAll(named(s, right.get(s)));
        }
        return count(found, wanted, Named::type);
    }

    private static List<Named> named(int sentence, String text) {
        Map<String, Integer> seen = new HashMap<>();
        List<Named> all = new ArrayList<>();
        for (String entry : text.split("[\n;]")) {
            int colon = entry.indexOf(':');
            String type = colon < 0 ? "" : entry.substring(0, colon).strip().toUpperCase(Locale.ROOT);
            String name = entry.substring(colon + 1).strip();
            if (!name.isEmpty()) {
                all.add(new Named(sentence, type, name, seen.merge(type + ":" + name, 1, Integer::sum)));
            }
        }
        return all;
    }

    private static <T> Entities count(Set<T> found, Set<T> wanted, Function<T, String> typeOf) {
        SortedMap<String, long[]> counts = new TreeMap<>();
        wanted.forEach(entity -> counts.computeIfAbsent(typeOf.apply(entity), _ -> new long[3])[0]++);
        found.forEach(entity -> {
            long[] c = counts.computeIfAbsent(typeOf.apply(entity), _ -> new long[3]);
            c[1]++;
            c[2] += wanted.contains(entity) ? 1 : 0;
        });
        SortedMap<String, Classification.Class> types = new TreeMap<>();
        counts.forEach((type, c) -> types.put(type, new Classification.Class(c[0], c[1], c[2])));
        return new Entities(types);
    }

    /** All types together. */
    public Classification.Class micro() {
        return types.values().stream().reduce(new Classification.Class(0, 0, 0), Classification.Class::plus);
    }

    /** Mean of the types' F1. */
    public double macroF1() {
        return types.values().stream().mapToDouble(Classification.Class::f1).average().orElse(0);
    }

    private static List<Span> spans(int sentence, List<String> tags) {
        List<Span> spans = new ArrayList<>();
        char before = 'O';
        String type = "";
        int from = 0;
        for (int i = 0; i <= tags.size(); i++) {
            String tag = i == tags.size() ? "O" : tags.get(i);
            char mark = tag.charAt(0);
            String own = tag.length() > 2 && tag.charAt(1) == '-' ? tag.substring(2) : tag.equals("O") ? "" : "_";
            if (ends(before, mark, type, own)) {
                spans.add(new Span(sentence, type, from, i - 1));
            }
            if (begins(before, mark, type, own)) {
                from = i;
            }
            before = mark;
            type = own;
        }
        return spans;
    }

    private static boolean ends(char before, char mark, String type, String own) {
        return before == 'E' || before == 'S' || (before == 'B' || before == 'I') && (mark == 'B' || mark == 'S' || mark == 'O')
                || before != 'O' && before != '.' && !type.equals(own);
    }

    private static boolean begins(char before, char mark, String type, String own) {
        return mark == 'B' || mark == 'S' || (before == 'E' || before == 'S' || before == 'O') && (mark == 'E' || mark == 'I')
                || mark != 'O' && mark != '.' && !type.equals(own);
    }
}
