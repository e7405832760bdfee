package dev.zhulong.infer;

/** The logarithm of a sum of exponentials, in double: what logits lose to become log-probabilities. */
public final class LogSumExp {
    private LogSumExp() {}

    /** Of {@code count} logits from {@code at} on; not a number where one is NaN or the largest is infinite. */
    public static double of(float[] logits, int at, int count) {
        float max = Float.NEGATIVE_INFINITY;
        for (int i = at; i < at + count; i++) {
            max = Math.max(max, logits[i]);
        }
        double sum = 0;
        for (int i = at; i < at + count; i++) {
            sum += Math.exp((double) logits[i] - max);
        }
        return max + Math.log(sum);
    }
}
