package dev.zhulong.data.dedup;

import java.util.Arrays;

/**
 * MinHash (Broder 1997) over word shingles, banded for locality-sensitive hashing (Indyk and Motwani 1998).
 *
 * <p>With {@code r} rows in each of {@code b} bands, two documents of Jaccard similarity {@code s} meet in some band with probability
 * {@code 1 - (1 - s^r)^b}. The default, 14 bands of 8 rows over shingles of 5 words, is that of FineWeb (Penedo et al. 2024): it finds 5 %
 * of the pairs at 0.5, 56 % at 0.7, 92 % at 0.8 and 99.96 % at 0.9. Pairs that meet are then compared on all {@code b * r} hashes, 8 bits
 * of each (Li and König 2010), and joined only when that estimate reaches {@code threshold}. A text of fewer words than a shingle is one
 * shingle.
 *
 * @param shingle   words in a shingle
 * @param bands     number of bands
 * @param rows      hashes in a band
 * @param threshold least estimated Jaccard similarity of near-duplicates
 */
public record MinHash(int shingle, int bands, int rows, double threshold) {
    /** FineWeb's setting, with pairs below 0.7 refused. */
    public static final MinHash DEFAULT = new MinHash(5, 14, 8, 0.7);

    public MinHash {
        if (shingle < 1 || bands < 1 || rows < 1 || bands * rows > 1024 || !(threshold >= 0 && threshold <= 1)) {
            throw new IllegalArgumentException("MinHash needs shingle, bands and rows of at least 1, at most 1024 hashes and a threshold in "
                    + "[0, 1], found shingle " + shingle + ", bands " + bands + ", rows " + rows + ", threshold " + threshold);
        }
    }

    /**
     * What is remembered of a document.
     *
     * @param exactHigh  half of a 128-bit hash of the text with case folded and white space run together
     * @param exactLow   the other half
     * @param bands      one key for each band; empty when the text has no words
     * @param minima     8 bits of each minimum
     * @param length     characters
     */
    public record Signature(long exactHigh, long exactLow, long[] bands, byte[] minima, int length) { }

    /** Signature of a text. Safe for several threads. */
    public Signature sign(String text) {
        var shingles = new Shingles(multipliers());
        Words.forEach(text, shingles);
        shingles.finish();
        long[] exact = exact(text);
        if (shingles.words == 0) {
            return new Signature(exact[0], exact[1], new long[0], new byte[0], text.length());
        }
        int[] least = shingles.least;
        var keys = new long[bands];
        var minima = new byte[least.length];
        for (int band = 0; band < bands; band++) {
            long key = band + 1;
            for (int i = band * rows; i < (band + 1) * rows; i++) {
                key = Hash64.mix(key * 31 + least[i]);
                minima[i] = (byte) Hash64.mix(least[i]);
            }
            keys[band] = key;
        }
        return new Signature(exact[0], exact[1], keys, minima, text.length());
    }

    /** Signature with the hash of the whole text only, for corpora in which near-duplicates are not looked for. */
    public Signature signExact(String text) {
        long[] exact = exact(text);
        return new Signature(exact[0], exact[1], new long[0], new byte[0], text.length());
    }

    /** Estimated Jaccard similarity; corrected for the 1 in 256 of unequal minima whose 8 bits agree. */
    static double similarity(byte[] a, int atA, byte[] b, int atB, int hashes) {
        int equal = 0;
        for (int i = 0; i < hashes; i++) {
            equal += a[atA + i] == b[atB + i] ? 1 : 0;
        }
        return Math.max(0, (equal / (double) hashes - 1.0 / 256) / (1 - 1.0 / 256));
    }

    private int[] multipliers() {
        var values = new int[bands * rows];
        for (int i = 0; i < values.length; i++) {
            values[i] = (int) Hash64.mix(0x5DEECE66DL * (i + 1)) | 1;
        }
        return values;
    }

    /** Keeps the last few words and, for every shingle, the minimum of every hash function {@code h -> (h ^ x) * m mod 2^32}. */
    private final class Shingles implements Words.Sink {
        private final int[] multipliers;
        private final int[] masks;
        private final int[] least;
        private final long[] last = new long[shingle];
        private long words;

        Shingles(int[] multipliers) {
            this.multipliers = multipliers;
            this.masks = new int[multipliers.length];
            this.least = new int[multipliers.length];
            for (int i = 0; i < masks.length; i++) {
                masks[i] = (int) Hash64.mix(~(long) multipliers[i]);
            }
            Arrays.fill(least, Integer.MAX_VALUE);
        }

        @Override
        public void word(long hash) {
            last[(int) (words++ % shingle)] = hash;
            if (words >= shingle) {
                add(shingle);
            }
        }

        void finish() {
            if (words > 0 && words < shingle) {
                add((int) words);
            }
        }

        private void add(int count) {
            long hash = 0;
            for (int i = 0; i < count; i++) {
                hash = (hash + last[(int) ((words - count + i) % shingle)]) * 0x9E3779B97F4A7C15L;
                hash ^= hash >>> 32;
            }
            fold((int) (Hash64.mix(hash) >>> 32), multipliers, masks, least);
        }

        /** A plain loop over arrays so that the compiler turns it into vector instructions. */
        private static void fold(int hash, int[] multipliers, int[] masks, int[] least) {
            for (int i = 0; i < least.length; i++) {
                least[i] = Math.min(least[i], (hash ^ masks[i]) * multipliers[i]);
            }
        }
    }

    /** 128 bits of the text with lower case and single spaces. */
    private static long[] exact(String text) {
        long high = 0x6A09E667F3BCC908L;
        long low = 0xBB67AE8584CAA73BL;
        boolean space = false;
        boolean any = false;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c <= ' ' || Character.isWhitespace(c)) {
                space = any;
                continue;
            }
            if (space) {
                high = (high ^ ' ') * 0x9E3779B97F4A7C15L;
                low = (Long.rotateLeft(low, 23) + ' ') * 0xC2B2AE3D27D4EB4FL;
                space = false;
            }
            any = true;
            char lower = c < 128 ? (char) (c >= 'A' && c <= 'Z' ? c + 32 : c) : Character.toLowerCase(c);
            high = (high ^ lower) * 0x9E3779B97F4A7C15L;
            high ^= high >>> 29;
            low = (Long.rotateLeft(low, 23) + lower) * 0xC2B2AE3D27D4EB4FL;
        }
        return new long[] {Hash64.mix(high), Hash64.mix(low)};
    }
}
