package dev.zhulong.text;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** How often each pre-token occurs: an open-addressed hash table from bytes to a count. Not safe for several threads. */
final class WordCounts {
    private byte[][] words = new byte[1 << 12][];
    private long[] counts = new long[1 << 12];
    private int size;

    /** Counts the pre-tokens of {@code text}, those longer than {@code longest} bytes in pieces that keep characters whole. */
    void add(String text, PreTokenizer preTokenizer, int longest) {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        for (int p = 0; p < utf8.length;) {
            int end = preTokenizer.end(utf8, p, utf8.length);
            while (end - p > longest) {
                int cut = p + longest;
                while ((utf8[cut] & 0xC0) == 0x80) {
                    cut--;
                }
                add(utf8, p, cut, 1);
                p = cut;
            }
            add(utf8, p, end, 1);
            p = end;
        }
    }

    void addAll(WordCounts other) {
        for (int slot = 0; slot < other.words.length; slot++) {
            byte[] word = other.words[slot];
            if (word != null) {
                add(word, 0, word.length, other.counts[slot]);
            }
        }
    }

    private void add(byte[] text, int from, int to, long times) {
        if (to - from < 2) {
            return;
        }
        int slot = find(words, text, from, to);
        if (words[slot] == null) {
            words[slot] = Arrays.copyOfRange(text, from, to);
            size++;
            counts[slot] = times;
            if (size * 2 > words.length) {
                grow();
            }
        } else {
            counts[slot] += times;
        }
    }

    private static int find(byte[][] words, byte[] text, int from, int to) {
        int hash = 0;
        for (int i = from; i < to; i++) {
            hash = hash * 31 + text[i];
        }
        int mixed = hash * 0x9E3779B9;
        int slot = (mixed ^ mixed >>> 15) & words.length - 1;
        while (words[slot] != null && !Arrays.equals(words[slot], 0, words[slot].length, text, from, to)) {
            slot = slot + 1 & words.length - 1;
        }
        return slot;
    }

    private void grow() {
        byte[][] oldWords = words;
        long[] oldCounts = counts;
        words = new byte[oldWords.length * 2][];
        counts = new long[oldWords.length * 2];
        for (int i = 0; i < oldWords.length; i++) {
            if (oldWords[i] != null) {
                int slot = find(words, oldWords[i], 0, oldWords[i].length);
                words[slot] = oldWords[i];
                counts[slot] = oldCounts[i];
            }
        }
    }

    /** Number of distinct pre-tokens of two bytes or more; a single byte has nothing to merge and is not kept. */
    int size() {
        return size;
    }

    interface Visitor {
        void word(byte[] bytes, long count);
    }

    void forEach(Visitor visitor) {
        for (int i = 0; i < words.length; i++) {
            if (words[i] != null) {
                visitor.word(words[i], counts[i]);
            }
        }
    }
}
