package dev.zhulong.infer.search;

import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.infer.ConditionalModel;
import dev.zhulong.model.EncoderDecoder;
import java.util.List;
import java.util.function.Function;

/** An encoder–decoder on one engine or another, as a search sees it: texts are begun of sources. */
public interface Continuations {
    /** The model's shape. */
    EncoderDecoderSpec spec();

    /**
     * Begins a text of each source.
     *
     * @param sources ids of any lengths above 0
     */
    Continuation begin(List<int[]> sources);

    /** On libtorch. */
    static Continuations of(EncoderDecoder model) {
        return of(model.spec(), sources -> new TorchContinuation(model, sources));
    }

    /** On an engine with a cache for each sequence. */
    static Continuations of(ConditionalModel model) {
        return of(model.network(), sources -> new CachedContinuation(model, sources));
    }

    private static Continuations of(EncoderDecoderSpec spec, Function<List<int[]>, Continuation> begin) {
        return new Continuations() {
            @Override
            public EncoderDecoderSpec spec() {
                return spec;
            }

            @Override
            public Continuation begin(List<int[]> sources) {
                return begin.apply(sources);
            }
        };
    }
}
