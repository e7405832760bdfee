package dev.zhulong.formats.gguf;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.TensorView;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Decoders of each family, small enough for tests, with random weights in Hugging Face's layout. */
final class SmallModels {

    static final int HIDDEN = 32;
    static final int HEADS = 4;
    static final int KV_HEADS = 2;
    static final int HEAD_DIM = 16;

    private SmallModels() {}

    static Rope rope(Scaling scaling) {
        return new Rope(10_000, HEAD_DIM, scaling);
    }

    static DecoderSpec spec(Family family) {
        return spec(family, new Scaling.None());
    }

    static DecoderSpec spec(Family family, Scaling scaling) {
        boolean qwen2 = family == Family.of("qwen2");
        return switch (family.modelType()) {
            case "gpt2" -> new DecoderSpec(family, 40, HIDDEN, 2, HEADS, HEADS, HIDDEN / HEADS, 64, 20, Norm.LAYER, 1e-5,
                    Activation.GELU_TANH, false, null, true, true, true, true, false, List.of(0, 0), 3, List.of(3));
            default -> new DecoderSpec(family, 40, HIDDEN, 2, HEADS, KV_HEADS, HEAD_DIM, 64, 128, Norm.RMS, 1e-6, Activation.SILU, true,
                    rope(scaling), false, qwen2, false, false, family == Family.of("qwen3"),
                    Collections.nCopies(2, family == Family.of("mistral") ? 32 : 0), 1, List.of(2, 7));
        };
    }

    static DecoderSpec withBiases(DecoderSpec s) {
        return new DecoderSpec(s.family(), s.vocabSize(), s.hiddenSize(), s.layers(), s.heads(), s.kvHeads(), s.headDim(),
                s.intermediateSize(), s.contextLength(), s.norm(), s.normEpsilon(), s.activation(), s.gatedMlp(), s.rope(),
                s.tiedEmbeddings(), true, true, true, s.qkNorm(), s.windows(), s.bosId(), s.eosIds());
    }

    /** Shapes from the layouts' own definition, so GPT-2's projections are input by output. */
    static Map<String, TensorView> weights(DecoderSpec spec, long seed) {
        var random = new Random(seed);
        Map<String, TensorView> tensors = new LinkedHashMap<>();
        for (GgufWeight weight : GgufWeight.of(spec)) {
            long[] shape = weight.shape();
            if (weight.layout() == Layout.TRANSPOSED) {
                shape = new long[] {shape[1], shape[0]};
            }
            float[] values = new float[(int) Arrays.stream(shape).reduce(1, (a, b) -> a * b)];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) random.nextGaussian();
            }
            tensors.put(weight.huggingFace(), new TensorView(weight.huggingFace(), StorageType.F32, shape, MemorySegment.ofArray(values),
                    Path.of("random")));
        }
        return tensors;
    }

    static Path write(Path file, DecoderSpec spec, long seed) {
        GgufExport.write(file, spec, weights(spec, seed)::get, Map.of(), "small", GgufType.F32);
        return file;
    }
}
