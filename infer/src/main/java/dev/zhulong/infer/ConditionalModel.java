package dev.zhulong.infer;

import dev.zhulong.formats.EncoderDecoderSpec;

/**
 * A language model whose sequences are written of a source: an encoder–decoder (T5, BART, Marian, NLLB). What it reads as a sequence's ids is the decoder's
 * side, from the id that the decoder begins with on; a source is given with the cache and encoded once, when the first of its sequences runs.
 *
 * <pre>{@code
 * try (var cache = model.newCache(64, source)) {
 *     float[] first = model.forward(List.of(new Span(cache, new int[] {model.network().startId()}))).getFirst(); // [vocab]
 * }
 * }</pre>
 */
public interface ConditionalModel extends LanguageModel {
    /** The shape of both halves; {@link #spec} is the decoder's. */
    EncoderDecoderSpec network();

    /**
     * An empty cache for a sequence of at most {@code capacity} tokens that is written of {@code source}.
     *
     * @throws IllegalArgumentException if the source is empty, longer than the model reads, or has ids outside its vocabulary
     */
    KvCache newCache(int capacity, int[] source);

    /** A sequence that begins as {@code other} is and goes on by itself: of the same source, whose keys and values both read, and the same tokens. */
    KvCache fork(KvCache other);

    /** Tokens of memory for keys and values that a source of {@code length} tokens takes. */
    int sourceTokens(int length);
}
