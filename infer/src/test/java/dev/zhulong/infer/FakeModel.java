package dev.zhulong.infer;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

/** For tests: an engine whose logits are a given function of all ids its cache holds, and which enforces what callers of the seam owe it. */
public class FakeModel implements LanguageModel {
    private final DecoderSpec spec;
    private final Function<List<Integer>, float[]> logits;
    /** Caches that were not closed. */
    public int open;
    /** Most spans of a call. */
    public int largestBatch;
    /** Most numbers that a call gave where the logits of every id were wanted. */
    public int largestAnswer;
    /** Calls. */
    public int forwards;
    /** Ids of all calls. */
    public int read;

    public FakeModel(int vocab, int context, List<Integer> eosIds, Function<List<Integer>, float[]> logits) {
        this.spec = new DecoderSpec(Family.of("llama"), vocab, 8, 1, 1, 1, 8, 8, context, DecoderSpec.Norm.RMS, 1e-5,
                DecoderSpec.Activation.SILU, true, null, true, false, false, false, false, List.of(0), -1, eosIds);
        this.logits = logits;
    }

    /** Logits that depend on every id and its position. */
    public static FakeModel hashed(int vocab, int context) {
        return new FakeModel(vocab, context, List.of(), ids -> row(ids, vocab));
    }

    /** The logits of {@link #hashed} after these ids. */
    public static float[] row(List<Integer> ids, int vocab) {
        var random = new java.util.SplittableRandom(ids.hashCode());
        float[] row = new float[vocab];
        for (int i = 0; i < vocab; i++) {
            row[i] = (float) (random.nextDouble() * 6);
        }
        return row;
    }

    /** Writes {@code script} whatever it reads: the id at position p follows p ids. */
    public static FakeModel scripted(int vocab, int context, int... script) {
        return new FakeModel(vocab, context, List.of(), ids -> {
            float[] row = new float[vocab];
            row[script[Math.min(ids.size(), script.length) - 1]] = 10;
            return row;
        });
    }

    @Override
    public DecoderSpec spec() {
        return spec;
    }

    @Override
    public KvCache newCache(int capacity) {
        var cache = new Cache(capacity);
        open++;
        return cache;
    }

    @Override
    public List<float[]> forward(List<Span> spans) {
        var caches = new HashSet<KvCache>();
        for (Span span : spans) {
            check(span, caches);
        }
        forwards++;
        largestBatch = Math.max(largestBatch, spans.size());
        var results = new ArrayList<float[]>();
        int answer = 0;
        for (Span span : spans) {
            boolean all = span.logits() == Logits.ALL;
            List<Integer> ids = ((Cache) span.cache()).ids;
            float[] rows = new float[span.wanted(spec)];
            for (int i = 0; i < span.ids().length; i++) {
                ids.add(span.ids()[i]);
                read++;
                if (all || span.logits() == Logits.LAST && i == span.ids().length - 1) {
                    System.arraycopy(logits.apply(ids), 0, rows, all ? i * spec.vocabSize() : 0, spec.vocabSize());
                }
            }
            answer += all ? rows.length : 0;
            results.add(rows);
        }
        largestAnswer = Math.max(largestAnswer, answer);
        return results;
    }

    private void check(Span span, Set<KvCache> caches) {
        var cache = (Cache) span.cache();
        if (!caches.add(cache) || cache.closed) {
            throw new IllegalStateException("a cache is shared by two spans or closed");
        }
        if (cache.ids.size() + span.ids().length > Math.min(cache.capacity, spec.contextLength())) {
            throw new IllegalArgumentException("cache overflows");
        }
        for (int id : span.ids()) {
            if (id < 0 || id >= spec.vocabSize()) {
                throw new IllegalArgumentException("token id " + id + " is outside the vocabulary");
            }
        }
    }

    @Override
    public void close() {}

    final class Cache implements KvCache {
        private final int capacity;
        private final List<Integer> ids = new ArrayList<>();
        private boolean closed;

        Cache(int capacity) {
            if (capacity <= 0) {
                throw new IllegalArgumentException("a cache without room");
            }
            this.capacity = capacity;
        }

        @Override
        public int length() {
            return ids.size();
        }

        @Override
        public int capacity() {
            return capacity;
        }

        @Override
        public void truncate(int length) {
            if (length < 0 || length > ids.size()) {
                throw new IllegalArgumentException("cannot cut " + ids.size() + " tokens to " + length);
            }
            ids.subList(length, ids.size()).clear();
        }

        @Override
        public void close() {
            if (!closed) {
                closed = true;
                open--;
            }
        }
    }
}
