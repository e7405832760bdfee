package dev.zhulong.compress.ladder;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.infer.LanguageModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A model that speaks in some of its ids only, under new numbers: what a model with a cut vocabulary would say if nothing else had changed. The rest of its probabilities is shared out in
 * proportion.
 */
final class RestrictedModel implements LanguageModel {
    private final LanguageModel model;
    private final int[] kept;
    private final DecoderSpec spec;

    /**
     * @param model stays the caller's
     * @param kept  ids of the model, by their new numbers
     */
    RestrictedModel(LanguageModel model, int[] kept) {
        this.model = model;
        this.kept = kept.clone();
        DecoderSpec whole = model.spec();
        spec = new DecoderSpec(whole.family(), whole.stack(), kept.length, whole.tiedEmbeddings(), whole.bosId(), whole.eosIds());
    }

    @Override
    public DecoderSpec spec() {
        return spec;
    }

    @Override
    public KvCache newCache(int capacity) {
        return model.newCache(capacity);
    }

    @Override
    public List<float[]> forward(List<Span> spans) {
        List<float[]> whole = model.forward(spans.stream().map(span -> new Span(span.cache(), Arrays.stream(span.ids()).map(id -> kept[id]).toArray(), span.logits())).toList());
        var some = new ArrayList<float[]>();
        for (int i = 0; i < whole.size(); i++) {
            some.add(spans.get(i).logits() == Logits.HIDDEN ? whole.get(i) : restricted(whole.get(i)));
        }
        return some;
    }

    private float[] restricted(float[] logits) {
        int width = model.spec().vocabSize();
        float[] some = new float[logits.length / width * kept.length];
        for (int row = 0; row * width < logits.length; row++) {
            for (int i = 0; i < kept.length; i++) {
                some[row * kept.length + i] = logits[row * width + kept[i]];
            }
        }
        return some;
    }

    @Override
    public void close() {}
}
