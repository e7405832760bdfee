package dev.zhulong.evaluate.text;

import dev.zhulong.text.tags.EntitySpan;
import dev.zhulong.text.tags.TagScheme;
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
 * Named entities said and right, an entity counting only whole and of its type: as seqeval's default mode (conlleval's) finds them in tags
 * of any scheme, or as its strict mode does in those of one.
 *
 * @param types by type of entity
 */
public record Entities(SortedMap<String, Classification.Class> types) {
    private record Placed(int sentence, EntitySpan span) {}

    /**
     * By the lenient rules of {@link EntitySpan#lenient}, which take any scheme.
     *
     * @param said  tags of each sentence
     * @param right as many
     * @throws IllegalArgumentException where sentences or their tags do not stand side by side
     */
    public static Entities of(List<List<String>> said, List<List<String>> right) {
        return of(said, right, EntitySpan::lenient);
    }

    /**
     * By the strict rules of {@code scheme}: an entity that breaks it is none, on either side.
     *
     * @throws IllegalArgumentException also where a tag is not of the scheme
     */
    public static Entities of(List<List<String>> said, List<List<String>> right, TagScheme scheme) {
        return of(said, right, scheme::entities);
    }

    private static Entities of(List<List<String>> said, List<List<String>> right, Function<List<String>, List<EntitySpan>> spans) {
        if (said.size() != right.size()) {
            throw new IllegalArgumentException(Segment.mismatch(said.size(), "the references", right.size()));
        }
        Set<Placed> found = new HashSet<>();
        Set<Placed> wanted = new HashSet<>();
        for (int s = 0; s < said.size(); s++) {
            if (said.get(s).size() != right.get(s).size()) {
                throw new IllegalArgumentException("sentence " + (s + 1) + " has " + said.get(s).size() + " tags but its reference "
                        + right.get(s).size() + ": tag i of one is compared with tag i of the other");
            }
            place(s, spans.apply(said.get(s)), found);
            place(s, spans.apply(right.get(s)), wanted);
        }
        return count(found, wanted, placed -> placed.span.type());
    }

    private static void place(int sentence, List<EntitySpan> spans, Set<Placed> into) {
        spans.forEach(span -> into.add(new Placed(sentence, span)));
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
}
