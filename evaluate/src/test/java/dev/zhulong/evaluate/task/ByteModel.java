package dev.zhulong.evaluate.task;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.text.ByteTokenizer;
import dev.zhulong.text.chat.ChatEncoder;
import dev.zhulong.text.chat.ChatTemplate;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.Function;

/** A model over bytes (ids 0 to 255; 256 is BOS, 257 EOS) whose logits are a given function of all it has read. */
final class ByteModel implements LanguageModel {
    static final int VOCAB = 258;

    private final DecoderSpec spec;
    private final Function<String, float[]> logits;
    int forwards;
    int read;

    /** @param logits of the text read so far, BOS left out */
    ByteModel(int context, Function<String, float[]> logits) {
        spec = new DecoderSpec(DecoderSpec.Family.LLAMA, VOCAB, 8, 1, 1, 1, 8, 8, context, DecoderSpec.Norm.RMS, 1e-5, DecoderSpec.Activation.SILU,
                true, null, true, false, false, false, false, List.of(0), 256, List.of(257));
        this.logits = logits;
    }

    /** Logits that depend on all that was read, in its order. */
    static ByteModel hashed(int context) {
        return new ByteModel(context, ByteModel::hashedRow);
    }

    static float[] hashedRow(String text) {
        var random = new SplittableRandom(text.hashCode() * 0x9E3779B97F4A7C15L);
        float[] row = new float[VOCAB];
        for (int i = 0; i < VOCAB; i++) {
            row[i] = (float) (random.nextDouble() * 8 - 4);
        }
        return row;
    }

    /** A model that says {@code answer(prompt)} after a prompt that ends in {@code mark}, and then ends. */
    static ByteModel saying(int context, String mark, Function<String, String> answer) {
        return new ByteModel(context, text -> {
            int end = text.lastIndexOf(mark);
            String said = text.substring(end + mark.length());
            byte[] wanted = answer.apply(text.substring(0, Math.max(0, end))).getBytes(StandardCharsets.ISO_8859_1);
            float[] row = new float[VOCAB];
            int at = said.length();
            row[at < wanted.length ? wanted[at] & 0xff : 257] = 50;
            return row;
        });
    }

    Subject subject(String name) {
        var tokenizer = new ByteTokenizer(true, true);
        return new Subject(name, this, tokenizer, new ChatEncoder(ChatTemplate.chatMl(Map.of()), tokenizer), new TreeMap<>(Map.of("name", name)));
    }

    @Override
    public DecoderSpec spec() {
        return spec;
    }

    @Override
    public KvCache newCache(int capacity) {
        return new Cache(capacity);
    }

    @Override
    public List<float[]> forward(List<Span> spans) {
        forwards++;
        List<float[]> results = new ArrayList<>();
        for (Span span : spans) {
            boolean all = span.logits() == Logits.ALL;
            var cache = (Cache) span.cache();
            float[] rows = new float[span.wanted(spec)];
            for (int i = 0; i < span.ids().length; i++) {
                cache.ids.add(span.ids()[i]);
                read++;
                if (all || span.logits() == Logits.LAST && i == span.ids().length - 1) {
                    System.arraycopy(logits.apply(text(cache.ids)), 0, rows, all ? i * VOCAB : 0, VOCAB);
                }
            }
            if (cache.ids.size() > Math.min(cache.capacity, spec.contextLength())) {
                throw new IllegalArgumentException("cache overflows");
            }
            results.add(rows);
        }
        return results;
    }

    private static String text(List<Integer> ids) {
        var text = new StringBuilder();
        ids.stream().filter(id -> id < 256).forEach(id -> text.append((char) (int) id));
        return text.toString();
    }

    @Override
    public void close() {}

    private static final class Cache implements KvCache {
        private final int capacity;
        private final List<Integer> ids = new ArrayList<>();

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
        public void close() {}
    }
}
