package dev.zhulong.compress;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.StorageType;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.text.BpeTrainer;
import dev.zhulong.text.TokenizerJson;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.BiConsumer;

/** Model directories with random weights large enough that logits are far from flat, a tokenizer and a chat template. */
public final class SmallModels {
    static final int VOCAB = 300;
    static final int CONTEXT = 64;
    static final String TEMPLATE = "{% for message in messages %}<{{ message['role'] }}>{{ message['content'] }}{% endfor %}";

    private SmallModels() {}

    /** Two layers, heads of 32. */
    public static DecoderSpec spec(Family family, int hidden, int intermediate, boolean tied) {
        boolean gpt2 = family == Family.of("gpt2");
        int heads = hidden / 32;
        return spec(family, hidden, intermediate, 2, heads, gpt2 ? heads : heads / 2, VOCAB, tied);
    }

    public static DecoderSpec spec(Family family, int hidden, int intermediate, int layers, int heads, int kvHeads, int vocab, boolean tied) {
        boolean gpt2 = family == Family.of("gpt2");
        int headDim = hidden / heads;
        return new DecoderSpec(family, vocab, hidden, layers, heads, kvHeads, headDim, intermediate, CONTEXT, gpt2 ? Norm.LAYER : Norm.RMS, 1e-5,
                gpt2 ? Activation.GELU_TANH : Activation.SILU, !gpt2, gpt2 ? null : new Rope(10_000, headDim, new Scaling.None()), tied,
                gpt2 || family == Family.of("qwen2"), gpt2, gpt2, family == Family.of("qwen3"), Collections.nCopies(layers, 0), 0, List.of(0));
    }

    /** A Mixtral of two layers with eight experts, of which a token is given two. */
    static DecoderSpec mixture(int hidden, int intermediate) {
        DecoderSpec dense = spec(Family.of("mistral"), hidden, intermediate, false);
        Stack stack = dense.stack();
        var layers = stack.layers().stream().map(layer -> new Stack.Layer(layer.attention(), new Mlp.Experts(8, 2, (Mlp.Dense) layer.mlp(), 0.01))).toList();
        return new DecoderSpec(Family.of("mixtral"), new Stack(hidden, layers, stack.norm(), stack.normEpsilon(), stack.place(), stack.positions(), CONTEXT),
                VOCAB, false, 0, List.of(0));
    }

    public static Path write(Path directory, DecoderSpec spec) throws IOException {
        return write(directory, spec, (name, values) -> { });
    }

    /** @param change to a weight, by its name */
    public static Path write(Path directory, DecoderSpec spec, BiConsumer<String, float[]> change) throws IOException {
        Files.createDirectories(directory);
        var trainer = new BpeTrainer(VOCAB, List.of("<|endoftext|>"));
        for (int i = 0; i < 20; i++) {
            trainer.add(text(i));
        }
        TokenizerJson.write(directory, trainer.train(), new TokenizerJson.Settings("<|endoftext|>", "<|endoftext|>", null, true, CONTEXT));
        Files.writeString(directory.resolve("chat_template.jinja"), TEMPLATE);
        var random = new SplittableRandom(7);
        try (Decoder model = Decoder.random(spec, 7)) {
            model.parameters().forEach((name, tensor) -> {
                float[] values = new float[Math.toIntExact(tensor.elements())];
                boolean norm = tensor.dim() == 1 && name.endsWith(".weight");
                boolean looked = name.contains("embed_tokens") || name.contains("wte") || name.contains("wpe");
                double scale = tensor.dim() == 1 ? 0.3 : looked ? 1 : 1.5 / Math.sqrt(spec.hiddenSize());
                for (int i = 0; i < values.length; i++) {
                    values[i] = (float) ((norm ? 1 : 0) + scale * random.nextGaussian());
                }
                change.accept(name, values);
                for (int i = 0; i < values.length; i++) {
                    tensor.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, values[i]);
                }
            });
            NetworkFiles.save(model, directory, StorageType.F32);
        }
        return directory;
    }

    /** Text number {@code i}: some sentences with something of its own. */
    public static String text(int i) {
        var text = new StringBuilder();
        for (int j = 0; j <= i % 5 + 2; j++) {
            text.append("The lamp number ").append(i * 31 + j * 7).append(" was lit when keeper ").append((char) ('a' + i))
                    .append(" came in, and the harbour could see ").append(i + j).append(" boats.\n");
        }
        return text.toString();
    }
}
