package dev.zhulong.infer.constrain;

import dev.zhulong.infer.constrain.Shape.Type;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** Whether it can be seen that no value satisfies two schemas. */
final class Disjoint {
    private static final int DEEPEST = 8;

    private Disjoint() {}

    static boolean of(SchemaReader reader, List<Shape> some, List<Shape> others) {
        return of(reader, some, others, 0);
    }

    private static boolean of(SchemaReader reader, List<Shape> some, List<Shape> others, int depth) {
        return depth < DEEPEST && some.stream().allMatch(a -> others.stream().allMatch(b -> of(reader, a, b, depth)));
    }

    private static boolean of(SchemaReader reader, Shape a, Shape b, int depth) {
        if (a.values() != null || b.values() != null) {
            Shape listed = a.values() != null ? a : b;
            return listed.values().stream().noneMatch(value -> Validity.of(reader, a, value) && Validity.of(reader, b, value));
        }
        Set<Type> both = EnumSet.copyOf(a.types());
        both.retainAll(b.types());
        return both.stream().allMatch(type -> switch (type) {
            case NULL, BOOLEAN -> false;
            case WHOLE, FRACTION -> a.bounds().and(b.bounds()).isEmpty();
            case STRING -> strings(a.and(b));
            case ARRAY -> a.arrays().sizes().and(b.arrays().sizes()).isEmpty();
            case OBJECT -> a.objects().counts().and(b.objects().counts()).isEmpty() || objects(reader, a, b, depth);
        });
    }

    private static boolean strings(Shape both) {
        return both.lengths().isEmpty()
                || !both.texts().isEmpty() && both.texts().stream().reduce(TextAutomaton::and).orElseThrow().isEmpty();
    }

    /** A key that one of them requires and the other one forbids, or describes as something else. */
    private static boolean objects(SchemaReader reader, Shape a, Shape b, int depth) {
        var keys = new LinkedHashSet<>(a.objects().required());
        keys.addAll(b.objects().required());
        return keys.stream().anyMatch(key -> {
            List<Shape> mine = reader.shapes(a.member(key));
            List<Shape> theirs = reader.shapes(b.member(key));
            return of(reader, mine, theirs, depth + 1);
        });
    }
}
