package dev.zhulong.media;

/**
 * A recording in memory, of one channel.
 *
 * @param rate    samples a second
 * @param samples from -1 to 1; not copied
 */
public record Sound(int rate, float[] samples) {
    /** @throws IllegalArgumentException if the rate is not positive */
    public Sound {
        if (rate < 1) {
            throw new IllegalArgumentException("a rate of " + rate);
        }
    }

    /** Its length. */
    public double seconds() {
        return (double) samples.length / rate;
    }
}
