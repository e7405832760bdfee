package dev.zhulong.infer;

import java.util.Arrays;

/** Tokens by descending logit, equal logits by ascending id, put in order only as far as asked. */
final class Ranking {
    private static final int SORT_BELOW = 32;

    /** Logit and id in one number, so that comparing numbers is comparing ranks and no two are equal. */
    private final long[] keys;

    private int size;

    Ranking(int capacity) {
        keys = new long[capacity];
    }

    /** Takes the first {@code count} logits, unordered, without those of negative infinity. */
    void fill(float[] logits, int count) {
        clear();
        for (int id = 0; id < count; id++) {
            if (logits[id] > Float.NEGATIVE_INFINITY) {
                add(id, logits[id]);
            }
        }
    }

    void clear() {
        size = 0;
    }

    void add(int id, float logit) {
        int bits = Float.floatToRawIntBits(logit + 0.0f); // -0.0 and 0.0 are a tie
        int ordered = bits ^ ((bits >> 31) & 0x7fffffff);
        // Sorted ascending, so the best must have the smallest key.
        keys[size++] = ((long) ~ordered << 32) | id;
    }

    int capacity() {
        return keys.length;
    }

    int size() {
        return size;
    }

    int id(int rank) {
        return (int) keys[rank];
    }

    /** Keeps the {@code count} best, unordered. */
    void keep(int count) {
        if (count < size) {
            select(count);
            size = count;
        }
    }

    /** Puts the {@code count} best first, in order. */
    void order(int count) {
        if (count < size) {
            select(count);
        }
        Arrays.sort(keys, 0, Math.min(count, size));
    }

    /** Hoare's quickselect: afterwards the {@code count} smallest keys come first. */
    private void select(int count) {
        int low = 0;
        int high = size - 1;
        while (high - low >= SORT_BELOW) {
            long pivot = median(keys[low], keys[(low + high) >>> 1], keys[high]);
            int i = low;
            int j = high;
            while (i <= j) {
                while (keys[i] < pivot) {
                    i++;
                }
                while (keys[j] > pivot) {
                    j--;
                }
                if (i <= j) {
                    long swap = keys[i];
                    keys[i++] = keys[j];
                    keys[j--] = swap;
                }
            }
            if (count - 1 <= j) {
                high = j;
            } else if (count - 1 >= i) {
                low = i;
            } else {
                return;
            }
        }
        Arrays.sort(keys, low, high + 1);
    }

    private static long median(long a, long b, long c) {
        return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
    }
}
