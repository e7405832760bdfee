package dev.zhulong.recipe.distance;

import java.util.Locale;

/**
 * Right answers of some.
 *
 * @param right those equal to the answer, as SQuAD compares
 * @param count all of them
 */
public record Score(int right, int count) {
    private static final double NORMAL_95 = 1.959963984540054;

    /** Share of right answers. */
    public double share() {
        return (double) right / count;
    }

    /** Lower end of the 95 % interval (Wilson 1927), which does not close up where all or none are right. */
    public double low() {
        return middle() - half();
    }

    /** Upper end. */
    public double high() {
        return middle() + half();
    }

    private double middle() {
        return (right + NORMAL_95 * NORMAL_95 / 2) / (count + NORMAL_95 * NORMAL_95);
    }

    private double half() {
        return NORMAL_95 / (count + NORMAL_95 * NORMAL_95) * Math.sqrt((double) right * (count - right) / count + NORMAL_95 * NORMAL_95 / 4);
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "%.2f (%.2f to %.2f)", share(), Math.max(0, low()), Math.min(1, high()));
    }
}
