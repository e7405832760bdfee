package dev.zhulong.evaluate;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * How two lists of numbers go together: the similarities that a model gives pairs of sentences, and those that people gave them (STS).
 *
 * @param pearson  of the values; NaN where one list is constant or there are fewer than two
 * @param spearman of their ranks, equal values sharing the mean of theirs; NaN likewise
 */
public record Correlation(double pearson, double spearman) {
    /** @throws IllegalArgumentException where the lists are not equally long */
    public static Correlation of(double[] a, double[] b) {
        if (a.length != b.length) {
            throw new IllegalArgumentException("a correlation is of pairs, found " + a.length + " and " + b.length + " values");
        }
        return new Correlation(pearson(a, b), pearson(ranks(a), ranks(b)));
    }

    private static double pearson(double[] a, double[] b) {
        double meanA = Arrays.stream(a).average().orElse(0);
        double meanB = Arrays.stream(b).average().orElse(0);
        double both = 0;
        double squaresA = 0;
        double squaresB = 0;
        for (int i = 0; i < a.length; i++) {
            both += (a[i] - meanA) * (b[i] - meanB);
            squaresA += (a[i] - meanA) * (a[i] - meanA);
            squaresB += (b[i] - meanB) * (b[i] - meanB);
        }
        return squaresA == 0 || squaresB == 0 ? Double.NaN : Math.clamp(both / (Math.sqrt(squaresA) * Math.sqrt(squaresB)), -1, 1);
    }

    private static double[] ranks(double[] values) {
        int[] order = IntStream.range(0, values.length).boxed().sorted(Comparator.comparingDouble(i -> values[i])).mapToInt(i -> i).toArray();
        double[] ranks = new double[values.length];
        for (int from = 0; from < order.length;) {
            int to = from;
            while (to + 1 < order.length && values[order[to + 1]] == values[order[from]]) {
                to++;
            }
            for (int i = from; i <= to; i++) {
                ranks[order[i]] = (from + to) / 2.0 + 1;
            }
            from = to + 1;
        }
        return ranks;
    }
}
