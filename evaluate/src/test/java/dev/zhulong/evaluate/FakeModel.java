package dev.zhulong.evaluate;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.infer.LanguageModel;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** An engine whose logits are a given function of all ids its cache holds. */
final class FakeModel implements LanguageModel {
    private final DecoderSpec spec;
    private final Function<List<Integer>, float[]> logits;
    int open;
    int largestAnswer;

    FakeModel(int vocab, int context, Function<List<Integer>, float[]> logits) {
        this.spec = new DecoderSpec(DecoderSpec.Family.LLAMA, vocab, 8, 1, 1, 1, 8, 8, context, DecoderSpec.Norm.RMS, 1e-5,
                DecoderSpec.Activation.SILU, true, null, true, false, false, false, false, List.of(0), -1, List.of());
        this.logits = logits;
    }

    /** Logits that depend on every id and its place. */
    static FakeModel hashed(int vocab, int context) {
        return new FakeModel(vocab, context, ids -> row(ids, vocab));
    }

    static float[] row(List<Integer> ids, int vocab) {
        var random = new java.util.SplittableRandom(ids.hashCode());
        float[] row = new float[vocab];
        for (int i = 0; i < vocab; i++) {
            row[i] = (float) (random.nextDouble() * 6 - 3);
        }
        return row;
    }

    @Override
    public DecoderSpec spec() {
        return spec;
    }

    @Override
    public KvCache newCache(int capacity) {
        open++;
        return new Cache(capacity, new ArrayList<>());
    }

    @Override
    public List<float[]> forward(List<Span> spans) {
        var results = new ArrayList<float[]>();
        int floats = 0;
        for (Span span : spans) {
            boolean all = span.logits() == Logits.ALL;
            var cache = (Cache) span.cache();
            if (cache.ids.size() + span.ids().length > cache.capacity) {
                throw new IllegalArgumentException("cache overflows");
            }
            float[] rows = new float[span.wanted(spec)];
            for (int i = 0; i < span.ids().length; i++) {
                cache.ids.add(span.ids()[i]);
                if (all) {
                    System.arraycopy(logits.apply(cache.ids), 0, rows, i * spec.vocabSize(), spec.vocabSize());
                }
            }
            floats += all ? rows.length : 0;
            results.add(rows);
        }
        largestAnswer = Math.max(largestAnswer, floats);
        return results;
    }

    @Override
    public void close() {}

    private final class Cache implements KvCache {
        private final int capacity;
        private final List<Integer> ids;

        Cache(int capacity, List<Integer> ids) {
            this.capacity = capacity;
            this.ids = ids;
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
            open--;
        }
    }
}
