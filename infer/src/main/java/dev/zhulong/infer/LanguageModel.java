package dev.zhulong.infer;

import dev.zhulong.formats.DecoderSpec;
import java.util.List;
import java.util.Objects;

/**
 * A decoder that turns token ids into logits, with a key-value cache per sequence. The package states the contract.
 *
 * <pre>{@code
 * try (var cache = model.newCache(64)) {
 *     float[] logits = model.forward(List.of(new Span(cache, prompt)), false).getFirst(); // [vocab]
 * }
 * }</pre>
 */
public interface LanguageModel extends AutoCloseable {
    /** The model's shape; {@code spec().vocabSize()} is the width of the logits, padding rows included. */
    DecoderSpec spec();

    /** An empty cache for one sequence of at most {@code capacity} tokens. */
    KvCache newCache(int capacity);

    /**
     * Runs each span's ids after what its cache holds and appends them to it.
     *
     * @param all true for the logits after every id, flattened {@code [n * vocab]}; false for those after the last id, {@code [vocab]}
     * @return one array a span, in the order of the spans
     * @throws IllegalArgumentException if a span is empty, an id is outside the vocabulary, or a cache would overflow its capacity
     */
    List<float[]> forward(List<Span> spans, boolean all);

    @Override
    void close();

    /**
     * Ids that follow what a cache holds.
     *
     * @param cache of the sequence
     * @param ids   at least one
     */
    record Span(KvCache cache, int[] ids) {
        public Span {
            Objects.requireNonNull(cache, "cache");
            if (ids.length == 0) {
                throw new IllegalArgumentException("a span needs at least one token id");
            }
        }
    }

    /** Keys and values of one sequence. */
    interface KvCache extends AutoCloseable {
        /** Tokens held. */
        int length();

        /** Tokens it can hold. */
        int capacity();

        /** Forgets all but the first {@code length} tokens. */
        void truncate(int length);

        @Override
        void close();
    }
}
