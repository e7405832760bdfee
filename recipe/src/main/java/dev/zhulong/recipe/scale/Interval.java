package dev.zhulong.recipe.scale;

import java.util.Arrays;
import java.util.Locale;

/** Where nine in ten of the laws of resampled ladders put a number. */
public record Interval(double low, double high) {
    private static final double TAIL = 0.05;

    static Interval of(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return new Interval(sorted[(int) Math.floor(TAIL * (sorted.length - 1))], sorted[(int) Math.ceil((1 - TAIL) * (sorted.length - 1))]);
    }

    /** Whether it holds {@code value}. */
    public boolean holds(double value) {
        return value >= low && value <= high;
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "%.4g to %.4g", low, high);
    }
}
