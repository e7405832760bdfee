package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.infer.LanguageModel;
import java.util.List;

/** A model of the CPU engine with an adapter on every sequence that brings none of its own: for programs that run one adapter alone. */
public final class AdaptedModel implements LanguageModel {
    private final LanguageModel model;
    private final CpuAdapter adapter;

    /**
     * The model with the adapter on; closing either closes it.
     *
     * @throws IllegalArgumentException where the adapter was read for a model of another shape
     */
    public AdaptedModel(LanguageModel model, CpuAdapter adapter) {
        this.model = model;
        this.adapter = adapter;
        model.newCache(1, adapter).close();
    }

    @Override
    public DecoderSpec spec() {
        return model.spec();
    }

    @Override
    public KvCache newCache(int capacity) {
        return model.newCache(capacity, adapter);
    }

    @Override
    public KvCache newCache(int capacity, Adapter other) {
        return model.newCache(capacity, other != null ? other : adapter);
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
