package dev.zhulong.text;

import java.util.Arrays;

/** Which pairs of ids merge, in which rank, into what: an open-addressed hash table. */
final class PairTable implements PairMerges.Pairs {
    private final long[] keys;
    private final int[] ranks;
    private final int[] merged;
    private final int shift;

    PairTable(int pairs) {
        int bits = Math.max(4, 33 - Integer.numberOfLeadingZeros(pairs));
        keys = new long[1 << bits];
        ranks = new int[1 << bits];
        merged = new int[1 << bits];
        shift = 64 - bits;
        Arrays.fill(keys, -1);
    }

    /** A pair given twice keeps its later rank, as in the tokenizers library. */
    void put(int left, int right, int rank, int result) {
        long key = (long) left << 32 | right;
        int slot = slot(key);
        while (keys[slot] != -1 && keys[slot] != key) {
            slot = slot + 1 & keys.length - 1;
        }
        keys[slot] = key;
        ranks[slot] = rank;
        merged[slot] = result;
    }

    @Override
    public int find(int left, int right) {
        long key = (long) left << 32 | right;
        for (int slot = slot(key);; slot = slot + 1 & keys.length - 1) {
            if (keys[slot] == key) {
                return slot;
            }
            if (keys[slot] == -1) {
                return -1;
            }
        }
    }

    @Override
    public int rank(int entry) {
        return ranks[entry];
    }

    @Override
    public int merged(int entry) {
        return merged[entry];
    }

    private int slot(long key) {
        return (int) (key * 0x9E3779B97F4A7C15L >>> shift);
    }
}
