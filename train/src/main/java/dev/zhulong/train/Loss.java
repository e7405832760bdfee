package dev.zhulong.train;

/**
 * A summed loss.
 *
 * @param sum   nats over all that was counted
 * @param count supervised tokens, or what else {@link Objective#unit()} names
 */
public record Loss(double sum, long count) {
    public static final Loss NONE = new Loss(0, 0);

    /** Both together. */
    public Loss plus(Loss other) {
        return new Loss(sum + other.sum, count + other.count);
    }

    /** Nats of each, in {@link Objective#unit()}; 0 where nothing was supervised. */
    public double mean() {
        return count == 0 ? 0 : sum / count;
    }
}
