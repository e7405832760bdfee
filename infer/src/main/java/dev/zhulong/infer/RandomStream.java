package dev.zhulong.infer;

/**
 * Uniform numbers of one sequence: SplitMix64 (Steele, Lea and Flood 2014), keyed by seed and sequence, so that the samples of one prompt
 * differ from the first token on and no sequence's numbers depend on how many others run beside it.
 */
final class RandomStream {
    private static final long GOLDEN = 0x9E3779B97F4A7C15L;
    private long state;

    RandomStream(long seed, long sequence) {
        state = mix(mix(seed + GOLDEN) + sequence * GOLDEN);
    }

    /** Uniform in [0, 1). */
    double next() {
        state += GOLDEN;
        return (mix(state) >>> 11) * 0x1.0p-53;
    }

    private static long mix(long z) {
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
