package dev.zhulong.infer.cpu;

import dev.zhulong.infer.ForwardingModel;
import dev.zhulong.infer.LanguageModel;

/** A model of the CPU engine with an adapter on every sequence that brings none of its own: for programs that run one adapter alone. */
public final class AdaptedModel extends ForwardingModel {
    private final CpuAdapter adapter;

    /**
     * The model with the adapter on; closing either closes it.
     *
     * @throws IllegalArgumentException where the adapter was read for a model of another shape
     */
    public AdaptedModel(LanguageModel model, CpuAdapter adapter) {
        super(model);
        this.adapter = adapter;
        newCache(1).close();
    }

    @Override
    public KvCache newCache(int capacity, Adapter other) {
        return super.newCache(capacity, other != null ? other : adapter);
    }
}
