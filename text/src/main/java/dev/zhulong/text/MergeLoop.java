package dev.zhulong.text;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;

/**
 * The merge loop of BPE training: take the most frequent pair, merge it in every word that holds it, correct the counts. Counts are kept
 * exact per merge; the queue is corrected lazily, when a pair whose count has fallen comes to its top.
 */
final class MergeLoop {
    private static final int LEAST_COUNT = 2;

    private record Candidate(long count, int left, int right, int pair) {
        static final Comparator<Candidate> ORDER = Comparator.comparingLong(Candidate::count).reversed()
                .thenComparingInt(Candidate::left).thenComparingInt(Candidate::right);
    }

    private final int firstByte;
    private final int vocabSize;
    private final Set<String> reserved;
    private final int[][] words;
    private final long[] wordCount;
    private final int[] touchedAt;
    private final PairCounts pairs = new PairCounts();
    private final PriorityQueue<Candidate> queue = new PriorityQueue<>(Candidate.ORDER);
    private final List<byte[]> spelling = new ArrayList<>();
    private final Map<String, Integer> ids = new HashMap<>();
    private int[] changed = new int[1 << 10];
    private int changes;

    MergeLoop(WordCounts counts, List<String> specials, int vocabSize) {
        this.firstByte = specials.size();
        this.vocabSize = vocabSize;
        this.reserved = new HashSet<>(specials);
        this.words = new int[counts.size()][];
        this.wordCount = new long[counts.size()];
        this.touchedAt = new int[counts.size()];
        specials.forEach(special -> spelling.add(new byte[0]));
        for (int b = 0; b < 256; b++) {
            spelling.add(new byte[] {(byte) b});
            ids.put(ByteAlphabet.spell(new byte[] {(byte) b}), firstByte + b);
        }
        int[] next = {0};
        counts.forEach((bytes, count) -> {
            int[] word = new int[bytes.length];
            for (int i = 0; i < word.length; i++) {
                word[i] = firstByte + (bytes[i] & 0xFF);
            }
            words[next[0]] = word;
            wordCount[next[0]++] = count;
        });
    }

    List<BpeVocabulary.Merge> run() {
        for (int w = 0; w < words.length; w++) {
            countPairs(w, 1);
        }
        queueChanges();
        List<BpeVocabulary.Merge> merges = new ArrayList<>();
        while (spelling.size() < vocabSize && !queue.isEmpty()) {
            Candidate top = queue.poll();
            int pair = top.pair();
            if (top.count() != pairs.queued[pair]) {
                continue;
            }
            if (top.count() != pairs.count[pair]) {
                pairs.queued[pair] = 0;
                offer(pair);
                continue;
            }
            pairs.queued[pair] = 0;
            int result = token(top.left(), top.right());
            if (result < 0) {
                pairs.queued[pair] = Long.MAX_VALUE;
                continue;
            }
            merges.add(new BpeVocabulary.Merge(top.left(), top.right(), result));
            merge(pair, top.left(), top.right(), result, merges.size());
            queueChanges();
        }
        return merges;
    }

    /** Id of the token that the pair makes, which another pair may have made already; -1 if it would be spelled like a special token. */
    private int token(int left, int right) {
        byte[] a = spelling.get(left);
        byte[] b = spelling.get(right);
        byte[] joined = Arrays.copyOf(a, a.length + b.length);
        System.arraycopy(b, 0, joined, a.length, b.length);
        String spelled = ByteAlphabet.spell(joined);
        if (reserved.contains(spelled)) {
            return -1;
        }
        Integer known = ids.putIfAbsent(spelled, spelling.size());
        if (known != null) {
            return known;
        }
        spelling.add(joined);
        return spelling.size() - 1;
    }

    private void merge(int pair, int left, int right, int result, int round) {
        int[] holders = pairs.holders[pair];
        int n = pairs.held[pair];
        pairs.holders[pair] = new int[2];
        pairs.held[pair] = 0;
        for (int i = 0; i < n; i++) {
            int w = holders[i];
            if (touchedAt[w] == round) {
                continue;
            }
            touchedAt[w] = round;
            int[] word = words[w];
            int[] merged = merged(word, left, right, result);
            if (merged.length < word.length) {
                countPairs(w, -1);
                words[w] = merged;
                countPairs(w, 1);
            }
        }
    }

    private static int[] merged(int[] word, int left, int right, int result) {
        int[] out = new int[word.length];
        int n = 0;
        for (int i = 0; i < word.length; i++) {
            if (word[i] == left && i + 1 < word.length && word[i + 1] == right) {
                out[n++] = result;
                i++;
            } else {
                out[n++] = word[i];
            }
        }
        return Arrays.copyOf(out, n);
    }

    private void countPairs(int w, int sign) {
        int[] word = words[w];
        long count = sign * wordCount[w];
        for (int i = 0; i + 1 < word.length; i++) {
            int pair = pairs.slot(word[i], word[i + 1]);
            pairs.count[pair] += count;
            if (sign > 0) {
                pairs.hold(pair, w);
            }
            if (!pairs.marked[pair]) {
                pairs.marked[pair] = true;
                if (changes == changed.length) {
                    changed = Arrays.copyOf(changed, changes * 2);
                }
                changed[changes++] = pair;
            }
        }
    }

    private void queueChanges() {
        for (int i = 0; i < changes; i++) {
            pairs.marked[changed[i]] = false;
            offer(changed[i]);
        }
        changes = 0;
    }

    /** A fallen count waits in the queue under its old value; only a risen one needs a new entry. */
    private void offer(int pair) {
        long count = pairs.count[pair];
        if (count >= LEAST_COUNT && count > pairs.queued[pair]) {
            pairs.queued[pair] = count;
            queue.add(new Candidate(count, pairs.left[pair], pairs.right[pair], pair));
        }
    }

    /** Pairs by a dense number: their count, the words that hold or held them, the highest count they wait in the queue under. */
    private static final class PairCounts {
        int[] left = new int[1 << 12];
        int[] right = new int[1 << 12];
        long[] count = new long[1 << 12];
        long[] queued = new long[1 << 12];
        boolean[] marked = new boolean[1 << 12];
        int[][] holders = new int[1 << 12][];
        int[] held = new int[1 << 12];
        private int[] table = new int[1 << 14];
        private int size;

        /** The number of a pair, given to it if it is new. */
        int slot(int l, int r) {
            for (int at = hash(l, r);; at = at + 1 & table.length - 1) {
                int pair = table[at] - 1;
                if (pair < 0) {
                    table[at] = size + 1;
                    return add(l, r);
                }
                if (left[pair] == l && right[pair] == r) {
                    return pair;
                }
            }
        }

        void hold(int pair, int word) {
            int n = held[pair];
            int[] list = holders[pair];
            if (n > 0 && list[n - 1] == word) {
                return;
            }
            if (n == list.length) {
                list = Arrays.copyOf(list, n * 2);
                holders[pair] = list;
            }
            list[n] = word;
            held[pair] = n + 1;
        }

        private int add(int l, int r) {
            if (size == left.length) {
                int room = size * 2;
                left = Arrays.copyOf(left, room);
                right = Arrays.copyOf(right, room);
                count = Arrays.copyOf(count, room);
                queued = Arrays.copyOf(queued, room);
                marked = Arrays.copyOf(marked, room);
                holders = Arrays.copyOf(holders, room);
                held = Arrays.copyOf(held, room);
            }
            left[size] = l;
            right[size] = r;
            holders[size] = new int[2];
            size++;
            if (size * 2 > table.length) {
                table = new int[table.length * 2];
                for (int pair = 0; pair < size; pair++) {
                    int at = hash(left[pair], right[pair]);
                    while (table[at] != 0) {
                        at = at + 1 & table.length - 1;
                    }
                    table[at] = pair + 1;
                }
            }
            return size - 1;
        }

        private int hash(int l, int r) {
            long h = ((long) l << 32 | r) * 0x9E3779B97F4A7C15L;
            return (int) (h >>> 32) & table.length - 1;
        }
    }
}
