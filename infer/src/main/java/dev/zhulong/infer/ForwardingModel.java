package dev.zhulong.infer;

import dev.zhulong.formats.DecoderSpec;
import java.util.List;

/** A model that does what another does, but for what its subclass says. Closing either closes both. */
public abstract class ForwardingModel implements LanguageModel {
    private final LanguageModel model;

    /** @param model the other */
    protected ForwardingModel(LanguageModel model) {
        this.model = model;
    }

    @Override
    public DecoderSpec spec() {
        return model.spec();
    }

    @Override
    public final KvCache newCache(int capacity) {
        return newCache(capacity, null);
    }

    @Override
    public KvCache newCache(int capacity, Adapter adapter) {
        return model.newCache(capacity, adapter);
    }

    @Override
    public List<float[]> forward(List<Span> spans) {
        return model.forward(spans);
    }

    @Override
    public void close() {
        model.close();
    }
}
