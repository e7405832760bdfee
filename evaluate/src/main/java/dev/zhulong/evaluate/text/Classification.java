package dev.zhulong.evaluate.text;

import java.util.Collection;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Labels said and labels right.
 *
 * @param accuracy  share of right ones, its standard error analytic
 * @param macroF1   mean of the classes' F1
 * @param weighted  the same, weighted by how often a class is right
 * @param matthews  Matthews' correlation coefficient for any number of classes (Gorodkin 2004); 0 where it is undefined
 * @param classes   by label
 */
public record Classification(Estimate accuracy, double macroF1, double weighted, double matthews, SortedMap<String, Class> classes) {
    /**
     * One label.
     *
     * @param support how often it is right
     * @param said    how often it was said
     * @param hits    how often both
     */
    public record Class(long support, long said, long hits) {
        Class plus(Class other) {
            return new Class(support + other.support, said + other.said, hits + other.hits);
        }

        public double precision() {
            return said == 0 ? 0 : (double) hits / said;
        }

        public double recall() {
            return support == 0 ? 0 : (double) hits / support;
        }

        public double f1() {
            return said + support == 0 ? 0 : 2.0 * hits / (said + support);
        }
    }

    /**
     * Over the labels that occur on either side, as scikit-learn does by default; a share of nothing is 0 (its {@code zero_division=0}).
     *
     * @throws IllegalArgumentException where the lists are not equally long
     */
    public static Classification of(List<String> said, List<String> right) {
        return of(said, right, List.of());
    }

    /** The same, {@code labels} counting as classes also where neither side has them (scikit-learn's {@code labels}). */
    public static Classification of(List<String> said, List<String> right, Collection<String> labels) {
        if (said.size() != right.size()) {
            throw new IllegalArgumentException(Segment.mismatch(said.size(), "the references", right.size()));
        }
        SortedMap<String, long[]> counts = new TreeMap<>();
        labels.forEach(label -> counts.put(label, new long[3]));
        double[] hits = new double[said.size()];
        for (int i = 0; i < hits.length; i++) {
            hits[i] = said.get(i).equals(right.get(i)) ? 1 : 0;
            counts.computeIfAbsent(right.get(i), _ -> new long[3])[0]++;
            counts.computeIfAbsent(said.get(i), _ -> new long[3])[1]++;
            counts.get(right.get(i))[2] += (long) hits[i];
        }
        SortedMap<String, Class> classes = new TreeMap<>();
        counts.forEach((label, c) -> classes.put(label, new Class(c[0], c[1], c[2])));
        double n = Math.max(1, said.size());
        double macro = classes.values().stream().mapToDouble(Class::f1).average().orElse(0);
        double weighted = classes.values().stream().mapToDouble(c -> c.f1() * c.support).sum() / n;
        return new Classification(Estimate.mean(hits, 1), macro, weighted, matthews(classes, said.size()), classes);
    }

    /** Mean of the classes' precisions. */
    public double macroPrecision() {
        return classes.values().stream().mapToDouble(Class::precision).average().orElse(0);
    }

    /** Mean of the classes' recalls. */
    public double macroRecall() {
        return classes.values().stream().mapToDouble(Class::recall).average().orElse(0);
    }

    private static double matthews(SortedMap<String, Class> classes, double n) {
        double hits = classes.values().stream().mapToDouble(Class::hits).sum();
        double both = classes.values().stream().mapToDouble(c -> (double) c.said * c.support).sum();
        double said = classes.values().stream().mapToDouble(c -> (double) c.said * c.said).sum();
        double right = classes.values().stream().mapToDouble(c -> (double) c.support * c.support).sum();
        double norm = Math.sqrt((n * n - said) * (n * n - right));
        return norm == 0 ? 0 : (hits * n - both) / norm;
    }
}
