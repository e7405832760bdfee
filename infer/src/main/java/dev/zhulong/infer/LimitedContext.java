package dev.zhulong.infer;

import dev.zhulong.formats.DecoderSpec;

/**
 * A model whose context is cut down, so that its caches stay small: what is above the seam sees the shorter one in {@link #spec()} and keeps to it.
 */
public final class LimitedContext extends ForwardingModel {
    private final DecoderSpec spec;

    private LimitedContext(LanguageModel model, int tokens) {
        super(model);
        spec = model.spec().withContextLength(tokens);
    }

    /**
     * The model with a context of {@code tokens}, itself where it has that one; closing either closes it.
     *
     * @throws IllegalArgumentException where {@code tokens} is not between 1 and the model's context
     */
    public static LanguageModel of(LanguageModel model, int tokens) {
        int most = model.spec().contextLength();
        if (tokens < 1 || tokens > most) {
            throw new IllegalArgumentException("a context must lie between 1 and the model's " + most + " tokens, found " + tokens);
        }
        return tokens == most ? model : new LimitedContext(model, tokens);
    }

    @Override
    public DecoderSpec spec() {
        return spec;
    }
}
