package dev.zhulong.data.pack;

/**
 * A shuffle of 0 to n - 1 that takes no memory: a keyed Feistel network over the next power of four, walked until it lands below n (Black
 * and Rogaway 2002, "cycle walking").
 */
final class Permutation {
    private static final int ROUNDS = 6;

    private final long n;
    private final int halfBits;
    private final long[] keys = new long[ROUNDS];

    Permutation(long n, long seed) {
        this.n = n;
        int bits = 64 - Long.numberOfLeadingZeros(Math.max(n - 1, 3));
        this.halfBits = (bits + 1) / 2;
        for (int i = 0; i < ROUNDS; i++) {
            keys[i] = Mix.mix(seed + (i + 1) * 0x9E3779B97F4A7C15L);
        }
    }

    long at(long index) {
        if (index < 0 || index >= n) {
            throw new IndexOutOfBoundsException(index + " of " + n);
        }
        long value = index;
        do {
            value = network(value);
        } while (value >= n);
        return value;
    }

    private long network(long value) {
        long mask = (1L << halfBits) - 1;
        long left = value >>> halfBits;
        long right = value & mask;
        for (long key : keys) {
            long next = left ^ (Mix.mix(right ^ key) & mask);
            left = right;
            right = next;
        }
        return left << halfBits | right;
    }
}
