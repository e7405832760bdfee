package dev.zhulong.infer;

import dev.zhulong.formats.DecoderSpec;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.function.Function;

/** An engine whose logits are a given function of all ids its cache holds, and which enforces what callers of the seam owe it. */
final class FakeModel implements LanguageModel {
    private final DecoderSpec spec;
    private final Function<List<Integer>, float[]> logits;
    int open;
    int largestBatch;

    FakeModel(int vocab, int context, List<Integer> eosIds, Function<List<Integer>, float[]> logits) {
        this.spec = new DecoderSpec(DecoderSpec.Family.LLAMA, vocab, 8, 1, 1, 1, 8, 8, context, DecoderSpec.Norm.RMS, 1e-5,
                DecoderSpec.Activation.SILU, true, null, true, false, false, false, false, List.of(0), -1, eosIds);
        this.logits = logits;
    }

    /** Logits that depend on every id and its position. */
    static FakeModel hashed(int vocab, int context) {
        return new FakeModel(vocab, context, List.of(), ids -> {
            var random = new java.util.SplittableRandom(ids.hashCode());
            float[] row = new float[vocab];
            for (int i = 0; i < vocab; i++) {
                row[i] = (float) (random.nextDouble() * 6);
            }
            return row;
        });
    }

    /** Writes {@code script} whatever it reads: the id at position p follows p ids. */
    static FakeModel scripted(int vocab, int context, int... script) {
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
        open++;
        return new Cache(capacity);
    }

    @Override
    public List<float[]> forward(List<Span> spans) {
        largestBatch = Math.max(largestBatch, spans.size());
        var caches = new HashSet<KvCache>();
        var results = new ArrayList<float[]>();
        for (Span span : spans) {
            boolean all = span.logits() == Logits.ALL;
            var cache = (Cache) span.cache();
            if (!caches.add(cache) || cache.closed) {
                throw new IllegalStateException("a cache is shared by two spans or closed");
            }
            if (cache.ids.size() + span.ids().length > cache.capacity || cache.capacity > spec.contextLength()) {
                throw new IllegalArgumentException("cache overflows");
            }
            float[] rows = new float[span.wanted(spec)];
            for (int i = 0; i < span.ids().length; i++) {
                cache.ids.add(span.ids()[i]);
                if (all || span.logits() == Logits.LAST && i == span.ids().length - 1) {
                    System.arraycopy(logits.apply(cache.ids), 0, rows, all ? i * spec.vocabSize() : 0, spec.vocabSize());
                }
            }
            results.add(rows);
        }
        return results;
    }

    @Override
    public void close() {}

    private final class Cache implements KvCache {
        private final int capacity;
        private final List<Integer> ids = new ArrayList<>();
        private boolean closed;

        Cache(int capacity) {
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
