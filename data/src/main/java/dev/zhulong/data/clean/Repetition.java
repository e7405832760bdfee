package dev.zhulong.data.clean;

import dev.zhulong.data.document.CleaningStep;
import dev.zhulong.data.document.Document;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

/**
 * Drops documents that repeat themselves: the repetition rules of Gopher (Rae et al. 2021, table A1). Chinese counts characters as
 * words. Elsewhere an n-gram is as long as n words of English: in scripts without spaces that many letters, in languages that write their
 * syllables apart, such as Vietnamese and Tibetan, that many syllables. Shares are of the characters in words (white space left out); as in
 * the datatrove project, the first occurrence of an n-gram is no duplicate.
 */
public record Repetition(RepetitionThresholds words, RepetitionThresholds characters, RepetitionThresholds code,
        Function<Document, Profile> profile) implements CleaningStep {

    private static final int FIRST_TOP = 2;
    private static final int FIRST_DUPLICATE = 5;
    /** Mean length of a word of English prose, in letters. Where words are shorter they are syllables, or nearly so. */
    private static final double ENGLISH_WORD = 4.7;
    private static final double MOST_SYLLABLES = 2;
    /** Fewer words say nothing about how long words are in a language. */
    private static final int ENOUGH_WORDS = 50;

    public Repetition() {
        this(Profile::of);
    }

    public Repetition(Function<Document, Profile> profile) {
        this(RepetitionThresholds.words(), RepetitionThresholds.characters(), RepetitionThresholds.code(), profile);
    }

    @Override
    public String name() {
        return "repetition";
    }

    @Override
    public Decision apply(Document document) {
        String text = document.text();
        String reason;
        if (profile.apply(document) == Profile.CODE) {
            reason = ofLines(text, code);
        } else {
            Words split = Words.of(text);
            RepetitionThresholds limit = split.unit() == Words.Unit.CHARACTER ? characters : words;
            reason = ofLines(text, limit);
            reason = reason != null ? reason : ofParagraphs(text, limit);
            reason = reason != null ? reason : ofNgrams(split, limit);
        }
        return reason == null ? new Decision.Keep(document, null) : new Decision.Drop(reason);
    }

    private static String ofLines(String text, RepetitionThresholds limit) {
        var pieces = new Pieces();
        for (int from = 0; from < text.length();) {
            int newline = text.indexOf('\n', from);
            int to = newline < 0 ? text.length() : newline;
            pieces.add(text, from, to, limit.minLine());
            from = to + 1;
        }
        return pieces.complaint("line", limit.lines(), limit.lineCharacters());
    }

    private static String ofParagraphs(String text, RepetitionThresholds limit) {
        var pieces = new Pieces();
        for (int from = 0; from < text.length();) {
            int gap = text.indexOf("\n\n", from);
            int to = gap < 0 ? text.length() : gap;
            pieces.add(text, from, to, 1);
            from = to + 2;
        }
        return pieces.complaint("paragraph", limit.paragraphs(), limit.paragraphCharacters());
    }

    /** Lines or paragraphs, their duplicates counted. */
    private static final class Pieces {
        private final Set<String> seen = new HashSet<>();
        private int all;
        private int again;
        private long allCharacters;
        private long againCharacters;

        void add(String text, int from, int to, int minimum) {
            int start = Lines.skipSpace(text, from, to);
            int stop = Lines.trimEnd(text, start, to);
            if (stop - start < minimum) {
                return;
            }
            all++;
            allCharacters += stop - start;
            if (!seen.add(text.substring(start, stop))) {
                again++;
                againCharacters += stop - start;
            }
        }

        String complaint(String what, double maximum, double maximumCharacters) {
            if (again > maximum * all) {
                return "share of duplicate " + what + "s above " + maximum;
            }
            return againCharacters > maximumCharacters * allCharacters
                    ? "share of characters in duplicate " + what + "s above " + maximumCharacters : null;
        }
    }

    private static String ofNgrams(Words words, RepetitionThresholds limit) {
        String reason = ofNgrams(words, limit, words.unit().perWord);
        if (reason == null || words.unit() != Words.Unit.WORD || words.count < ENOUGH_WORDS || words.meanLength() >= ENGLISH_WORD
                || English.is(words.text, LanguageIdentifier.identify(words.text))) {
            return reason;
        }
        return ofNgrams(words, limit, Math.min(MOST_SYLLABLES, ENGLISH_WORD / words.meanLength()));
    }

    /** N-grams of n times {@code perWord} of the spans. */
    private static String ofNgrams(Words words, RepetitionThresholds limit, double perWord) {
        if (words.count < FIRST_TOP) {
            return null;
        }
        long[] hashes = hash(words);
        long total = 0;
        for (int i = 0; i < words.count; i++) {
            total += words.ends[i] - words.starts[i];
        }
        var counts = new NgramCounts(words.count);
        List<Double> top = limit.topNgrams();
        for (int k = 0; k < top.size(); k++) {
            int n = FIRST_TOP + k;
            int spans = (int) Math.round(n * perWord);
            if (words.count >= spans && topCharacters(words, hashes, spans, counts) > top.get(k) * total) {
                return "share of the most frequent " + n + "-gram above " + top.get(k);
            }
        }
        List<Double> duplicates = limit.duplicateNgrams();
        for (int k = 0; k < duplicates.size(); k++) {
            int n = FIRST_DUPLICATE + k;
            int spans = (int) Math.round(n * perWord);
            if (words.count >= spans && duplicateCharacters(words, hashes, spans, counts) > duplicates.get(k) * total) {
                return "share of duplicate " + n + "-grams above " + duplicates.get(k);
            }
        }
        return null;
    }

    private static long[] hash(Words words) {
        long[] hashes = new long[words.count];
        for (int i = 0; i < words.count; i++) {
            long h = 1;
            for (int at = words.starts[i]; at < words.ends[i]; at++) {
                h = (h ^ words.text.charAt(at)) * 0x9E3779B97F4A7C15L;
                h ^= h >>> 29;
            }
            hashes[i] = h;
        }
        return hashes;
    }

    private static long ngram(long[] hashes, int at, int n) {
        long h = n;
        for (int i = at; i < at + n; i++) {
            h = (h ^ hashes[i]) * 0xBF58476D1CE4E5B9L;
            h ^= h >>> 31;
        }
        return h;
    }

    /** Characters in all occurrences of the n-gram that covers most, among those that occur more than once. */
    private static long topCharacters(Words words, long[] hashes, int n, NgramCounts counts) {
        counts.clear();
        long best = 0;
        for (int i = 0; i + n <= words.count; i++) {
            int count = counts.increment(ngram(hashes, i, n));
            if (count > 1) {
                best = Math.max(best, (long) count * characters(words, i, i + n));
            }
        }
        return best;
    }

    private static long duplicateCharacters(Words words, long[] hashes, int n, NgramCounts counts) {
        counts.clear();
        long total = 0;
        int covered = 0;
        for (int i = 0; i + n <= words.count; i++) {
            if (counts.increment(ngram(hashes, i, n)) > 1) {
                total += characters(words, Math.max(i, covered), i + n);
                covered = i + n;
            }
        }
        return total;
    }

    private static long characters(Words words, int from, int to) {
        long sum = 0;
        for (int i = from; i < to; i++) {
            sum += words.ends[i] - words.starts[i];
        }
        return sum;
    }

    /** How often each 64-bit n-gram hash was seen: open addressing, at most half full. */
    private static final class NgramCounts {
        private final long[] keys;
        private final int[] counts;
        private final int mask;

        NgramCounts(int most) {
            int size = Integer.highestOneBit(Math.max(8, Math.min(most, 1 << 28))) << 2;
            keys = new long[size];
            counts = new int[size];
            mask = size - 1;
        }

        void clear() {
            Arrays.fill(counts, 0);
        }

        int increment(long key) {
            int slot = (int) (key ^ key >>> 32) & mask;
            while (counts[slot] != 0 && keys[slot] != key) {
                slot = slot + 1 & mask;
            }
            keys[slot] = key;
            return ++counts[slot];
        }
    }
}
