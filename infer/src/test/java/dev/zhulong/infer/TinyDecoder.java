package dev.zhulong.infer;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.model.Decoder;
import dev.zhulong.text.ByteTokenizer;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.SplittableRandom;

/** Small decoders of each family over {@link ByteTokenizer}'s ids, with random weights large enough that attention is far from flat. */
public final class TinyDecoder {
    public static final int CONTEXT = 64;
    /** Two layers, one of them with a window. */
    static final int WINDOW = 6;
    /** Rows of the head; the last ones are padding that the tokenizer has no ids for. */
    static final int ROWS = 272;

    private TinyDecoder() {}

    public static Decoder random(Family family, long seed) {
        return random(family, seed, CONTEXT);
    }

    public static Decoder random(Family family, long seed, int context) {
        return random(spec(family, context, 8, new Scaling.None()), seed);
    }

    /** LLAMA with other rotations: of {@code rotated} dimensions of each head's 8, scaled. */
    public static Decoder rotated(int rotated, Scaling scaling, long seed, int context) {
        return random(spec(Family.of("llama"), context, rotated, scaling), seed);
    }

    /** One of any shape. */
    public static Decoder random(DecoderSpec spec, long seed) {
        Decoder model = Decoder.random(spec, seed);
        var random = new SplittableRandom(seed);
        model.parameters().forEach((name, tensor) -> {
            boolean looked = name.contains("embed_tokens") || name.contains("wte") || name.contains("wpe");
            boolean norm = tensor.dim() == 1 && name.endsWith(".weight");
            double scale = tensor.dim() == 1 ? 0.4 : looked ? 1 : 0.27;
            for (long i = 0; i < tensor.elements(); i++) {
                tensor.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) ((norm ? 1 : 0) + scale * random.nextGaussian()));
            }
        });
        return model;
    }

    /**
     * Writes {@code script} whatever it reads, after a prompt of one id. GPT-2 whose blocks add nothing, so that the learned
     * position alone decides.
     */
    static Decoder scripted(int... script) {
        Decoder model = Decoder.random(spec(Family.of("gpt2"), CONTEXT, 8, new Scaling.None()), 1);
        int hidden = model.spec().hiddenSize();
        var random = new SplittableRandom(1);
        double[] codes = random.doubles((long) ROWS * hidden, -1, 1).toArray();
        model.parameters().forEach((name, tensor) -> {
            if (name.contains("c_proj") || name.contains("wte")) {
                tensor.zero_();
            }
            boolean head = name.equals("lm_head.weight");
            for (int i = 0; (head || name.contains("wpe")) && i < tensor.elements(); i++) {
                int row = i / hidden;
                int id = head ? row : script[Math.min(row, script.length - 1)];
                tensor.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) codes[id * hidden + i % hidden]);
            }
        });
        return model;
    }

    private static DecoderSpec spec(Family family, int context, int rotated, Scaling scaling) {
        if (family == Family.of("mixtral")) {
            return mixture(spec(Family.of("mistral"), context, rotated, scaling), family);
        }
        boolean gpt2 = family == Family.of("gpt2");
        boolean bias = gpt2 || family == Family.of("qwen2");
        boolean windows = family == Family.of("mistral") || family == Family.of("qwen2");
        return new DecoderSpec(family, ROWS, 32, 2, 4, gpt2 ? 4 : 2, 8, 44, context, gpt2 ? Norm.LAYER : Norm.RMS, 1e-5,
                gpt2 ? Activation.GELU_TANH : Activation.SILU, !gpt2, gpt2 ? null : new Rope(10_000, rotated, scaling), false,
                bias, gpt2, gpt2, family == Family.of("qwen3"), List.of(family == Family.of("mistral") ? WINDOW : 0, windows ? WINDOW : 0),
                ByteTokenizer.BOS, List.of(ByteTokenizer.EOS));
    }

    /** Five experts of which a token is given two; all layers have the window. */
    private static DecoderSpec mixture(DecoderSpec dense, Family family) {
        Stack stack = dense.stack();
        var layers = stack.layers().stream().map(layer -> new Stack.Layer(stack.layers().getFirst().attention(),
                new Mlp.Experts(5, 2, (Mlp.Dense) layer.mlp(), 0.01))).toList();
        return new DecoderSpec(family, new Stack(stack.hiddenSize(), layers, stack.norm(), stack.normEpsilon(), stack.place(), stack.positions(),
                stack.contextLength()), dense.vocabSize(), dense.tiedEmbeddings(), dense.bosId(), dense.eosIds());
    }
}
