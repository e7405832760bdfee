package dev.zhulong.formats;

import java.lang.reflect.RecordComponent;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** The first place at which two specs differ: a writer compares what it was given with what a reader would make of it. */
public final class SpecDifference {
    private SpecDifference() {}

    /**
     * Of two records of the same class.
     *
     * @param tolerance relative, of numbers with a fraction
     * @param ignored   names of components that need not agree
     * @return such as {@code scales.embedding: expected 1.0, found 5.6}
     */
    public static Optional<String> of(Record expected, Record found, double tolerance, Set<String> ignored) {
        return of("", expected, found, tolerance, ignored);
    }

    private static Optional<String> of(String path, Object expected, Object found, double tolerance, Set<String> ignored) {
        if (expected instanceof Record one && found instanceof Record other && one.getClass() == other.getClass()) {
            for (RecordComponent component : one.getClass().getRecordComponents()) {
                if (ignored.contains(component.getName())) {
                    continue;
                }
                // a spec's layers are its stack's
                String name = component.getType() == Stack.class ? "" : path.isEmpty() ? component.getName() : path + "." + component.getName();
                Optional<String> difference = of(name, value(component, one), value(component, other), tolerance, ignored);
                if (difference.isPresent()) {
                    return difference;
                }
            }
            return Optional.empty();
        }
        if (expected instanceof List<?> one && found instanceof List<?> other && one.size() == other.size()) {
            for (int i = 0; i < one.size(); i++) {
                Optional<String> difference = of(path + "[" + i + "]", one.get(i), other.get(i), tolerance, ignored);
                if (difference.isPresent()) {
                    return difference;
                }
            }
            return Optional.empty();
        }
        boolean same = expected instanceof Double one && found instanceof Double other ? Math.abs(one - other) <= tolerance * Math.abs(one)
                : expected == null ? found == null : expected.equals(found);
        return same ? Optional.empty() : Optional.of(path + ": expected " + expected + ", found " + found);
    }

    private static Object value(RecordComponent component, Record of) {
        try {
            return component.getAccessor().invoke(of);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }
}
