package dev.zhulong.model;

import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Family;
import java.util.Collections;
import java.util.List;

/** A small decoder of a family, to be changed field by field before {@link #build}. */
final class SpecDraft {
    private final Family family;
    private int vocab = 37;
    private int hidden = 32;
    private int heads = 4;
    private int kvHeads = 2;
    private int headDim = 8;
    private int inner = 44;
    private int context = 64;
    private double epsilon = 1e-5;
    private Activation activation = Activation.SILU;
    private Rope rope = new Rope(10_000, 8, new Scaling.None());
    private boolean tied;
    private boolean qkvBias;
    private boolean outputBias;
    private boolean mlpBias;
    private List<Integer> windows = List.of(0, 0);

    private SpecDraft(Family family) {
        this.family = family;
    }

    static SpecDraft of(Family family) {
        SpecDraft draft = new SpecDraft(family);
        return switch (family.modelType()) {
            case "llama" -> draft;
            case "mistral" -> draft.windows(6, 6);
            case "qwen2" -> {
                draft.qkvBias = true;
                yield draft.tied(true);
            }
            // head_dim is not hidden / heads
            case "qwen3" -> draft.headDim(12).tied(true);
            case "gpt2" -> {
                draft.kvHeads = draft.heads;
                draft.rope = null;
                draft.qkvBias = true;
                draft.outputBias = true;
                draft.mlpBias = true;
                yield draft.tied(true).activation(Activation.GELU_TANH);
            }
            default -> throw new IllegalArgumentException("no draft for " + family.modelType());
        };
    }

    SpecDraft vocab(int rows) {
        vocab = rows;
        return this;
    }

    SpecDraft hidden(int width) {
        hidden = width;
        headDim = width / heads;
        return rope == null ? this : headDim(headDim);
    }

    SpecDraft heads(int query, int keyValue) {
        heads = query;
        kvHeads = keyValue;
        return this;
    }

    SpecDraft headDim(int width) {
        headDim = width;
        rope = new Rope(rope.theta(), width, rope.scaling());
        return this;
    }

    SpecDraft inner(int width) {
        inner = width;
        return this;
    }

    SpecDraft context(int tokens) {
        context = tokens;
        return this;
    }

    SpecDraft epsilon(double value) {
        epsilon = value;
        return this;
    }

    SpecDraft activation(Activation function) {
        activation = function;
        return this;
    }

    SpecDraft rope(double theta, int dims, Scaling scaling) {
        rope = new Rope(theta, dims, scaling);
        return this;
    }

    SpecDraft tied(boolean on) {
        tied = on;
        return this;
    }

    SpecDraft attentionBias() {
        qkvBias = true;
        outputBias = true;
        return this;
    }

    SpecDraft mlpBias() {
        mlpBias = true;
        return this;
    }

    /** One a layer, so this sets the number of layers too. */
    SpecDraft windows(Integer... sizes) {
        windows = List.of(sizes);
        return this;
    }

    SpecDraft layers(int n) {
        windows = Collections.nCopies(n, windows.getFirst());
        return this;
    }

    DecoderSpec build() {
        return new DecoderSpec(family, vocab, hidden, windows.size(), heads, kvHeads, headDim, inner, context,
                family == Family.of("gpt2") ? Norm.LAYER : Norm.RMS, epsilon, activation, family != Family.of("gpt2"), rope, tied,
                qkvBias, outputBias, mlpBias, family == Family.of("qwen3"), windows, 1, List.of(2));
    }
}
