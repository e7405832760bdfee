package dev.zhulong.model;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.model.reference.ReferenceDecoder;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * A decoder whose weights are larger than at initialisation, so that attention is far from flat, norms are not one and biases not zero,
 * with the same weights in float64.
 */
record LoudDecoder(Decoder model, Map<String, double[]> weights) implements AutoCloseable {
    static LoudDecoder of(DecoderSpec spec, long seed) {
        Decoder model = Decoder.random(spec, seed);
        var random = new SplittableRandom(seed);
        Map<String, double[]> weights = new LinkedHashMap<>();
        model.parameters().forEach((name, tensor) -> {
            long[] shape = tensor.shape();
            boolean norm = shape.length == 1 && name.endsWith(".weight");
            boolean looked = name.contains("embed_tokens") || name.contains("embed_in") || name.contains("wte") || name.contains("wpe");
            int fanIn = shape.length == 1 || looked ? 1 : (int) (spec.family() == Family.of("gpt2") ? shape[0] : shape[1]);
            double scale = norm || shape.length == 1 ? 0.4 : 1.5 / Math.sqrt(fanIn);
            double[] values = new double[(int) tensor.elements()];
            for (int i = 0; i < values.length; i++) {
                float value = (float) ((norm ? 1 : 0) + scale * random.nextGaussian());
                tensor.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
                values[i] = value;
            }
            weights.put(name, values);
        });
        return new LoudDecoder(model, weights);
    }

    ReferenceDecoder reference() {
        return ReferenceDecoder.of(model.spec(), weights);
    }

    /** Logits [seq * vocab] of one sequence. */
    float[] logits(int... ids) {
        return logits(model, ids);
    }

    static float[] logits(Decoder model, int... ids) {
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            return model.logits(Tensor.of(ids, 1, ids.length)).toFloats();
        }
    }

    static int[] ids(DecoderSpec spec, int n, long seed) {
        return new SplittableRandom(seed).ints(n, 0, spec.vocabSize()).toArray();
    }

    @Override
    public void close() {
        model.close();
    }
}
