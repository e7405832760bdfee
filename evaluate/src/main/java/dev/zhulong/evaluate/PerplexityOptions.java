package dev.zhulong.evaluate;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.text.Tokenizer;

/**
 * The protocol's settings; {@link Perplexity} states what they mean.
 *
 * @param window most tokens the model reads at once, BOS included
 * @param stride tokens from one window's start to the next one's, at most {@code window}
 * @param bos    whether every window begins with BOS
 */
public record PerplexityOptions(int window, int stride, boolean bos) {
    public PerplexityOptions {
        if (window < 1) {
            throw new IllegalArgumentException("window must be at least one token, found " + window);
        }
        if (stride < 1 || stride > window) {
            throw new IllegalArgumentException("stride must lie between 1 and the window of " + window + " tokens, found " + stride
                    + ": a larger one would leave tokens unscored");
        }
    }

    /** The model's context, no overlap, BOS where this model's sequences begin with it. */
    public static PerplexityOptions of(DecoderSpec spec, Tokenizer tokenizer) {
        return new PerplexityOptions(spec.contextLength(), spec.contextLength(), tokenizer.addsBos());
    }

    /** With this window, and the stride brought down to it where it is larger. */
    public PerplexityOptions withWindow(int value) {
        return new PerplexityOptions(value, stride == window ? value : Math.min(stride, value), bos);
    }

    public PerplexityOptions withStride(int value) {
        return new PerplexityOptions(window, value, bos);
    }

    public PerplexityOptions withBos(boolean value) {
        return new PerplexityOptions(window, stride, value);
    }
}
