package dev.zhulong.text;

import java.util.Arrays;
import java.util.PriorityQueue;

/** Merges neighbouring ids, the lowest rank first and of equal ranks the leftmost, until no pair merges. Safe for several threads. */
final class PairMerges {
    /** Above this many ids the merges are found by a queue, below by looking at every pair. */
    private static final int SHORT = 32;

    /** Which pairs of ids merge. */
    interface Pairs {
        /** A number for the pair that {@link #rank} and {@link #merged} know, or -1 where it does not merge. */
        int find(int left, int right);

        int rank(int entry);

        int merged(int entry);
    }

    private final Pairs merges;

    PairMerges(Pairs merges) {
        this.merges = merges;
    }

    /** What is left of {@code ids}, which are overwritten. */
    int[] merge(int[] ids) {
        return ids.length <= SHORT ? mergeShort(ids) : mergeLong(ids);
    }

    private int[] mergeShort(int[] ids) {
        int n = ids.length;
        while (n > 1) {
            int best = Integer.MAX_VALUE;
            int at = -1;
            int entry = -1;
            for (int i = 0; i + 1 < n; i++) {
                int e = merges.find(ids[i], ids[i + 1]);
                if (e >= 0 && merges.rank(e) < best) {
                    best = merges.rank(e);
                    at = i;
                    entry = e;
                }
            }
            if (at < 0) {
                break;
            }
            ids[at] = merges.merged(entry);
            System.arraycopy(ids, at + 2, ids, at + 1, n - at - 2);
            n--;
        }
        return Arrays.copyOf(ids, n);
    }

    /** The same merges in O(n log n): a queue of (rank, position), stale entries skipped when their pair no longer stands there. */
    private int[] mergeLong(int[] ids) {
        int n = ids.length;
        int[] next = new int[n];
        int[] previous = new int[n];
        PriorityQueue<Long> queue = new PriorityQueue<>();
        for (int i = 0; i < n; i++) {
            next[i] = i + 1;
            previous[i] = i - 1;
            if (i + 1 < n) {
                offer(queue, ids, i, i + 1);
            }
        }
        while (!queue.isEmpty()) {
            long top = queue.poll();
            int at = (int) top;
            int right = ids[at] < 0 ? n : next[at];
            if (right >= n) {
                continue;
            }
            int entry = merges.find(ids[at], ids[right]);
            if (entry < 0 || merges.rank(entry) != (int) (top >>> 32)) {
                continue;
            }
            ids[at] = merges.merged(entry);
            ids[right] = -1;
            next[at] = next[right];
            if (next[at] < n) {
                previous[next[at]] = at;
                offer(queue, ids, at, next[at]);
            }
            if (previous[at] >= 0) {
                offer(queue, ids, previous[at], at);
            }
        }
        return Arrays.stream(ids).filter(id -> id >= 0).toArray();
    }

    private void offer(PriorityQueue<Long> queue, int[] ids, int left, int right) {
        int entry = merges.find(ids[left], ids[right]);
        if (entry >= 0) {
            queue.add((long) merges.rank(entry) << 32 | left);
        }
    }
}
