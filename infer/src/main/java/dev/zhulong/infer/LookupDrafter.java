package dev.zhulong.infer;

import java.util.Arrays;

/**
 * Guesses from the sequence itself: where its last tokens stood before, what followed them there (prompt lookup; Saxena 2023). No second model;
 * worth it where a text repeats its prompt, as in edits, summaries and answers from documents.
 *
 * <p>Of earlier places that end in the same {@value #LEAST} tokens the one with the longest common past is taken, of equals the latest.
 */
public final class LookupDrafter implements Drafter {
    /** Tokens that must agree. */
    private static final int LEAST = 3;
    /** Agreement beyond which longer does not count. */
    private static final int ENOUGH = 32;
    /** Places looked at. */
    private static final int CANDIDATES = 64;

    /** Hash of the {@value #LEAST} tokens that end at a place, to that place plus one; a power of two long. */
    private int[] heads = new int[1024];
    /** For each place, the one before it with the same hash, plus one. */
    private int[] earlier = new int[512];
    private int indexed;

    @Override
    public int draft(int[] ids, int count, int most, int[] out) {
        if (count < LEAST || most == 0) {
            return 0;
        }
        if (earlier.length < count) {
            earlier = Arrays.copyOf(earlier, 2 * count);
        }
        if (heads.length < count) {
            heads = new int[Integer.highestOneBit(4 * count)];
            indexed = 0;
        }
        // the last place is what is looked for
        for (int end = Math.max(indexed, LEAST - 1); end < count - 1; end++) {
            int slot = slot(ids, end);
            earlier[end] = heads[slot];
            heads[slot] = end + 1;
        }
        indexed = Math.max(indexed, count - 1);
        int best = -1;
        int longest = LEAST - 1;
        int place = heads[slot(ids, count - 1)];
        for (int looked = 0; place > 0 && looked < CANDIDATES && longest < ENOUGH; looked++, place = earlier[place - 1]) {
            int common = common(ids, place - 1, count - 1);
            if (common > longest) {
                longest = common;
                best = place;
            }
        }
        if (best < 0) {
            return 0;
        }
        int found = Math.min(most, count - best);
        System.arraycopy(ids, best, out, 0, found);
        return found;
    }

    @Override
    public void cut(int count) {
        if (indexed > count) {
            Arrays.fill(heads, 0);
            indexed = 0;
        }
    }

    private int slot(int[] ids, int end) {
        int hash = 0;
        for (int i = end - LEAST + 1; i <= end; i++) {
            hash = (hash + ids[i]) * 0x9E3779B1;
        }
        return hash >>> 16 & heads.length - 1 ^ hash & heads.length - 1;
    }

    private static int common(int[] ids, int a, int b) {
        int n = 0;
        while (n < ENOUGH && a - n >= 0 && ids[a - n] == ids[b - n]) {
            n++;
        }
        return n;
    }
}
