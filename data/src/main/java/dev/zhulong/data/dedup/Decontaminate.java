package dev.zhulong.data.dedup;

import dev.zhulong.data.document.CleaningStep;
import dev.zhulong.data.document.Document;
import java.util.Arrays;
import java.util.stream.Stream;

/**
 * Drops documents that share {@code n} words in a row with an evaluation set (the 13-gram rule of Brown et al. 2020, GPT-3). Case and
 * punctuation do not count; in scripts without spaces every character is a word. An evaluation text shorter than {@code n} words is one
 * n-gram of its own length if it has at least {@value #LEAST} words, else it can't be told from chance and is counted in {@link #tooShort}.
 */
public final class Decontaminate implements CleaningStep {
    /** The field's usual length. */
    public static final int DEFAULT_WORDS = 13;
    private static final int LEAST = 8;

    private final int n;
    private final LongSet grams = new LongSet();
    private final boolean[] shorter;
    private long tooShort;
    private long texts;

    public Decontaminate(Stream<String> evaluationTexts, int n) {
        if (n < LEAST) {
            throw new IllegalArgumentException("the overlap must be at least " + LEAST + " words, found " + n);
        }
        this.n = n;
        this.shorter = new boolean[n + 1];
        evaluationTexts.forEach(this::learn);
    }

    private void learn(String text) {
        texts++;
        var all = new long[] {0};
        Words.forEach(text, _ -> all[0]++);
        int length = (int) Math.min(n, all[0]);
        if (length < LEAST) {
            tooShort++;
            return;
        }
        shorter[length] = true;
        Words.forEach(text, new Window(length) {
            @Override
            void gram(long hash) {
                grams.add(hash);
            }
        });
    }

    /** Evaluation texts learnt. */
    public long texts() {
        return texts;
    }

    /** Evaluation texts too short to look for. */
    public long tooShort() {
        return tooShort;
    }

    @Override
    public String name() {
        return "decontaminate";
    }

    @Override
    public Decision apply(Document document) {
        for (int length = LEAST; length <= n; length++) {
            if (shorter[length] && overlaps(document.text(), length)) {
                return new Decision.Drop("overlaps an evaluation set");
            }
        }
        return new Decision.Keep(document, null);
    }

    private boolean overlaps(String text, int length) {
        boolean[] found = {false};
        Words.forEach(text, new Window(length) {
            @Override
            void gram(long hash) {
                found[0] |= grams.contains(hash);
            }
        });
        return found[0];
    }

    /** Polynomial rolling hash over the last {@code length} words. */
    private abstract static class Window implements Words.Sink {
        private static final long BASE = 0x9E3779B97F4A7C15L;

        private final long[] last;
        private final long oldest;
        private long hash;
        private long words;

        Window(int length) {
            last = new long[length];
            long power = 1;
            for (int i = 0; i < length; i++) {
                power *= BASE;
            }
            oldest = power;
        }

        abstract void gram(long hash);

        @Override
        public final void word(long word) {
            int at = (int) (words++ % last.length);
            hash = hash * BASE + word - oldest * last[at];
            last[at] = word;
            if (words >= last.length) {
                gram(Hash64.mix(hash + last.length));
            }
        }
    }

    /** Open addressing; 0 marks a free slot, and a hash of 0 is kept as 1. */
    private static final class LongSet {
        private long[] slots = new long[1 << 10];
        private int size;

        void add(long value) {
            if (2 * size >= slots.length) {
                long[] old = slots;
                slots = new long[old.length * 2];
                Arrays.stream(old).filter(v -> v != 0).forEach(v -> slots[find(v)] = v);
            }
            long kept = value == 0 ? 1 : value;
            int at = find(kept);
            size += slots[at] == 0 ? 1 : 0;
            slots[at] = kept;
        }

        boolean contains(long value) {
            return slots[find(value == 0 ? 1 : value)] != 0;
        }

        private int find(long value) {
            int at = (int) value & slots.length - 1;
            while (slots[at] != 0 && slots[at] != value) {
                at = at + 1 & slots.length - 1;
            }
            return at;
        }
    }
}
