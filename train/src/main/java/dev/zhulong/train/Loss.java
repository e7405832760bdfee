package dev.zhulong.train;

/**
 * A summed loss.
 *
 * @param sum   over all that was counted, in what {@link Unit#loss()} names
 * @param count supervised tokens, or what else {@link Unit#each()} names
 * @param bytes of UTF-8 that the counted tokens stand for; 0 where they stand for no text
 */
public record Loss(double sum, long count, long bytes) {
    public static final Loss NONE = new Loss(0, 0, 0);

    /** Both together. */
    public Loss plus(Loss other) {
        return new Loss(sum + other.sum, count + other.count, bytes + other.bytes);
    }

    /** Loss of each, in the objective's unit; 0 where nothing was supervised. */
    public double mean() {
        return count == 0 ? 0 : sum / count;
    }

    /** Bits a byte of a sum in nats; NaN where it counts no text. */
    public double bitsPerByte() {
        return bytes == 0 ? Double.NaN : sum / Math.log(2) / bytes;
    }
}
