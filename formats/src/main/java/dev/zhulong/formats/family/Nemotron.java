package dev.zhulong.formats.family;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.JsonFields;
import java.util.List;

/** Nemotron-4 and Minitron (Parmar et al. 2024): LayerNorm whose weight is stored less one, half of each head turns, an MLP without a gate of squared ReLU. */
public final class Nemotron extends LayerNormDecoder {
    private static final Llama LLAMA = new Llama();

    @Override
    public String modelType() {
        return "nemotron";
    }

    @Override
    public List<String> architectures() {
        return List.of("NemotronForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "nemotron";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(-1, -1, 4096, 2, 3, 10_000, 1e-5, false);
    }

    @Override
    protected Norm norm() {
        return Norm.LAYER_LESS_ONE;
    }

    @Override
    protected String epsilonField() {
        return "norm_eps";
    }

    @Override
    protected double absentShare() {
        return 0.5;
    }

    @Override
    protected Biases attentionBias(JsonFields config) {
        return LLAMA.attentionBias(config);
    }

    @Override
    protected void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        LLAMA.writeAttentionBias(spec, config);
    }

    @Override
    protected boolean gated() {
        return false;
    }

    @Override
    protected Activation activation(JsonFields config) {
        return ConfigFields.ungated(config, activationField(), "relu2");
    }

    @Override
    protected boolean mayHaveMlpBias() {
        return true;
    }

    // ---- GGUF: llama.cpp's src/models/nemotron.cpp, conversion/nemotron.py, which adds the one to norms ----------------------------------------

    @Override
    protected boolean hasWindowInGguf() {
        return false;
    }

    @Override
    protected Activation ggufActivation() {
        return Activation.RELU_SQUARED;
    }

    @Override
    public boolean runsInLlamaCpp(DecoderSpec spec) {
        return spec.headDim() * spec.heads() == spec.hiddenSize();
    }
}
