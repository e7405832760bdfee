package dev.zhulong.infer;

import dev.zhulong.formats.DecoderSpec;
import java.util.List;
import java.util.Objects;

/**
 * A decoder that turns token ids into logits, with a key-value cache per sequence. The package states the contract; {@code LanguageModelContract} and
 * {@code KvCacheContract} among the tests check it, and the test of an engine extends them.
 *
 * <pre>{@code
 * try (var cache = model.newCache(64)) {
 *     float[] logits = model.forward(List.of(new Span(cache, prompt))).getFirst(); // [vocab]
 * }
 * }</pre>
 */
public interface LanguageModel extends AutoCloseable {
    /** The model's shape; {@code spec().vocabSize()} is the width of the logits, padding rows included. */
    DecoderSpec spec();

    /**
     * An empty cache for one sequence of at most {@code capacity} tokens.
     *
     * @throws IllegalArgumentException if {@code capacity} is not positive
     */
    KvCache newCache(int capacity);

    /**
     * The same for a sequence that an adapter is put on, whatever runs beside it.
     *
     * @param adapter null for none
     * @throws UnsupportedOperationException where the engine puts none on single sequences
     * @throws IllegalArgumentException      where it was made for another engine or another model
     */
    default KvCache newCache(int capacity, Adapter adapter) {
        if (adapter != null) {
            throw new UnsupportedOperationException("this engine cannot apply adapters to single sequences");
        }
        return newCache(capacity);
    }

    /**
     * Runs each span's ids after what its cache holds and appends them to it.
     *
     * @return the logits each span asks for, in the order of the spans
     * @throws IllegalArgumentException if an id is outside the vocabulary, or a cache would overflow its capacity; every cache is then as it was
     */
    List<float[]> forward(List<Span> spans);

    /** The same with one wish for all spans: the logits after every id, or those after the last. */
    default List<float[]> forward(List<Span> spans, boolean all) {
        return forward(spans.stream().map(span -> new Span(span.cache(), span.ids(), all ? Logits.ALL : Logits.LAST)).toList());
    }

    /** Frees the weights, after its caches were closed. Closing it again does nothing. */
    @Override
    void close();

    /**
     * Which logits are wanted of a span: of none of its ids (an empty array), after its last {@code [vocab]}, after every one {@code [n * vocab]}; or
     * instead of logits what the head would be given of every one {@code [n * hidden]}.
     */
    enum Logits { NONE, LAST, ALL, HIDDEN }

    /**
     * Ids that follow what a cache holds.
     *
     * @param cache  of the sequence
     * @param ids    at least one
     * @param logits the logits wanted
     */
    record Span(KvCache cache, int[] ids, Logits logits) {
        public Span {
            Objects.requireNonNull(cache, "cache");
            Objects.requireNonNull(logits, "logits");
            if (ids.length == 0) {
                throw new IllegalArgumentException("a span needs at least one token id");
            }
        }

        /** With the logits after the last id. */
        public Span(KvCache cache, int[] ids) {
            this(cache, ids, Logits.LAST);
        }

        /**
         * Numbers wanted of a model of this shape.
         *
         * @throws IllegalArgumentException where they are more than an array holds; says how many tokens fit
         */
        public int wanted(DecoderSpec spec) {
            return switch (logits) {
                case NONE -> 0;
                case LAST -> spec.vocabSize();
                case ALL -> ofEach(spec.vocabSize(), "logits");
                case HIDDEN -> ofEach(spec.hiddenSize(), "hidden states");
            };
        }

        private int ofEach(int width, String what) {
            int most = (Integer.MAX_VALUE - 8) / width;
            if (ids.length > most) {
                throw new IllegalArgumentException("the " + what + " of " + ids.length + " tokens at once, " + width + " numbers each, are more than an array holds: at"
                        + " most " + most + " tokens fit");
            }
            return ids.length * width;
        }
    }

    /** What changes a model a little, for one sequence. */
    interface Adapter {
        /** Tells it from every other: of its content. */
        String hash();
    }

    /** Keys and values of one sequence. */
    interface KvCache extends AutoCloseable {
        /** Tokens held. */
        int length();

        /** Tokens it can hold. */
        int capacity();

        /**
         * Forgets all but the first {@code length} tokens.
         *
         * @throws IllegalArgumentException if {@code length} is negative or more than are held
         */
        void truncate(int length);

        /** Gives its memory back. Closing it again does nothing. */
        @Override
        void close();
    }
}
