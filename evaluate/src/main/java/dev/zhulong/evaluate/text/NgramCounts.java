package dev.zhulong.evaluate.text;

import java.util.Arrays;

/**
 * Counts the n-grams of one segment's references and how many of them a hypothesis shares, clipped (Papineni et al. 2002). Tokens are
 * numbers; an n-gram is known by the pair (its first n-1 tokens' id, its last token), so that no n-gram is ever built.
 */
final class NgramCounts {
    private long[] keys = new long[1 << 10];
    private int[] slots = new int[1 << 10];
    private int[] used = new int[1 << 10];
    /** By id, which begins at 1. */
    private int[] most = new int[(1 << 9) + 1];
    private int[] now = new int[(1 << 9) + 1];
    private int generation = 1;
    private int size;

    /** Forgets all references. */
    void clear() {
        generation++;
        Arrays.fill(most, 0, size + 1, 0);
        size = 0;
    }

    /** Adds a reference: of each n-gram the most that any reference has counts. */
    void reference(int[] tokens, int length, int order) {
        for (int i = 0; i < length; i++) {
            int id = 0;
            for (int n = 0; n < order && i + n < length; n++) {
                id = id(id, tokens[i + n]);
                now[id]++;
                most[id] = Math.max(most[id], now[id]);
            }
        }
        Arrays.fill(now, 0, size + 1, 0);
    }

    /** Of the hypothesis's n-grams, those the references have, by order from 1 to {@code order}. */
    int[] matches(int[] tokens, int length, int order) {
        int[] matches = new int[order];
        int known = size;
        for (int i = 0; i < length; i++) {
            int id = 0;
            for (int n = 0; n < order && i + n < length; n++) {
                id = find(id, tokens[i + n]);
                if (id == 0) {
                    // no reference has this n-gram, nor any longer one that begins with it
                    break;
                }
                if (now[id] < most[id]) {
                    now[id]++;
                    matches[n]++;
                }
            }
        }
        Arrays.fill(now, 0, known + 1, 0);
        return matches;
    }

    /** How many n-grams of this order a sequence has. */
    static int total(int length, int order) {
        return Math.max(0, length - order + 1);
    }

    private int find(int previous, int token) {
        int slot = slot(previous, token);
        return used[slot] == generation ? slots[slot] : 0;
    }

    private int id(int previous, int token) {
        int slot = slot(previous, token);
        if (used[slot] == generation) {
            return slots[slot];
        }
        if (2 * (size + 1) > keys.length) {
            grow();
            slot = slot(previous, token);
        }
        used[slot] = generation;
        keys[slot] = key(previous, token);
        slots[slot] = ++size;
        return size;
    }

    private static long key(int previous, int token) {
        return (long) previous << 32 | token & 0xffffffffL;
    }

    private int slot(int previous, int token) {
        long key = key(previous, token);
        long hash = key * 0x9E3779B97F4A7C15L;
        int slot = (int) (hash >>> 40) & keys.length - 1;
        while (used[slot] == generation && keys[slot] != key) {
            slot = slot + 1 & keys.length - 1;
        }
        return slot;
    }

    private void grow() {
        long[] oldKeys = keys;
        int[] oldSlots = slots;
        int[] oldUsed = used;
        keys = new long[2 * oldKeys.length];
        slots = new int[keys.length];
        used = new int[keys.length];
        most = Arrays.copyOf(most, keys.length / 2 + 1);
        now = Arrays.copyOf(now, keys.length / 2 + 1);
        for (int i = 0; i < oldKeys.length; i++) {
            if (oldUsed[i] == generation) {
                int slot = slot((int) (oldKeys[i] >>> 32), (int) oldKeys[i]);
                used[slot] = generation;
                keys[slot] = oldKeys[i];
                slots[slot] = oldSlots[i];
            }
        }
    }
}
