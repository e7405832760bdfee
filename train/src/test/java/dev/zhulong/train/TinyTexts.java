package dev.zhulong.train;

import dev.zhulong.data.pack.EncoderRow;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.EncoderFamily;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.embedding.EmbeddingConfig;
import dev.zhulong.formats.embedding.Pooling;
import dev.zhulong.model.Encoder;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.TensorScope;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SplittableRandom;

/** Encoders of a few weights, and texts for them. */
final class TinyTexts {
    static final int HIDDEN = 16;

    private TinyTexts() {}

    /** With weights large enough for states that differ. */
    static Encoder encoder(int layers, long seed) {
        var layer = new Stack.Layer(new Stack.Attention(4, 4, 4, true, true, false, 0), new Stack.Mlp.Dense(24, Activation.GELU, false, true));
        var stack = new Stack(HIDDEN, Collections.nCopies(layers, layer), Norm.LAYER, 1e-5, Stack.NormPlace.AFTER, new Stack.Positions.Learned(0), 32);
        Encoder encoder = Encoder.random(new EncoderSpec((EncoderFamily) Family.of("bert"), stack, Tiny.VOCAB, 2, 0, new Head.None()), seed);
        encoder.parameters().values().forEach(p -> {
            if (p.dim() > 1) {
                p.mul_(8);
            }
        });
        return encoder;
    }

    static EmbeddingConfig config(List<Pooling> pooling, boolean prompts, List<EmbeddingConfig.Step> steps) {
        return new EmbeddingConfig(true, "", OptionalInt.empty(), false, pooling, prompts, OptionalInt.empty(), steps, Map.of(), Optional.empty(), "cosine");
    }

    static EncoderRow text(SplittableRandom random, int length) {
        return new EncoderRow(random.ints(length, 1, Tiny.VOCAB).toArray(), new int[length], new int[0]);
    }

    /** States [length, hidden] of a text that is read by itself. */
    static float[] states(Encoder encoder, int[] ids, int[] types) {
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            return encoder.states(ids, types, null, 1).toFloats();
        }
    }
}
