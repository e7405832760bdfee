package dev.zhulong.serve;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.infer.LanguageModel;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/** Answers to everything before the last {@code <A>} by what a script says to it, a byte at a time, then ends; to a text without that mark by the whole. */
final class ScriptedModel implements LanguageModel {
    static final String ASK = "<A>";
    private static final int HIDDEN = 8;

    private final DecoderSpec spec;
    private final UnaryOperator<String> script;
    volatile int open;
    volatile long sleepMillis;

    ScriptedModel(int context, UnaryOperator<String> script) {
        this.script = script;
        spec = new DecoderSpec(Family.of("llama"), 260, HIDDEN, 1, 1, 1, 8, 8, context, DecoderSpec.Norm.RMS, 1e-5, DecoderSpec.Activation.SILU, true, null, true,
                false, false, false, false, List.of(0), -1, List.of(Bytes.EOS));
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
        if (sleepMillis > 0) {
            try {
                Thread.sleep(sleepMillis);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }
        List<float[]> results = new ArrayList<>();
        for (Span span : spans) {
            var cache = (Cache) span.cache();
            float[] row = new float[span.wanted(spec)];
            for (int i = 0; i < span.ids().length; i++) {
                int id = span.ids()[i];
                cache.ids.add(id);
                if (span.logits() == Logits.HIDDEN) {
                    row[i * HIDDEN + id % HIDDEN] = 1;
                }
            }
            if (span.logits() == Logits.LAST) {
                row[next(cache)] = 20;
            }
            results.add(row);
        }
        return results;
    }

    private int next(Cache cache) {
        Bytes bytes = new Bytes();
        String text = bytes.decode(cache.ids.stream().mapToInt(Integer::intValue).toArray());
        if (cache.answer == null) {
            int mark = text.lastIndexOf(ASK);
            cache.answer = bytes.encode(script.apply(mark < 0 ? text : text.substring(0, mark)));
            cache.asked = cache.ids.size();
        }
        int at = cache.ids.size() - cache.asked;
        return at < cache.answer.length ? cache.answer[at] : Bytes.EOS;
    }

    @Override
    public void close() {}

    private final class Cache implements KvCache {
        private final int capacity;
        private final List<Integer> ids = new ArrayList<>();
        private int[] answer;
        private int asked;
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
