package dev.zhulong.formats.family;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.JsonFields;
import java.util.List;

/** Arcee's AFM (Arcee AI 2025): Llama, but its MLP has no gate and squares what ReLU leaves. */
public final class Arcee extends RotaryDecoder {
    private static final Llama LLAMA = new Llama();

    @Override
    public String modelType() {
        return "arcee";
    }

    @Override
    public List<String> architectures() {
        return List.of("ArceeForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "arcee";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(-1, -1, 4096, 128_000, 128_001, 10_000, 1e-5, false);
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

    // ---- GGUF: llama.cpp's src/models/arcee.cpp, conversion/llama.py (ArceeModel) --------------------------------------------------------------

    /** Its converter is Llama's. */
    @Override
    protected boolean interleaved() {
        return true;
    }

    @Override
    protected boolean hasWindowInGguf() {
        return false;
    }

    @Override
    protected Activation ggufActivation() {
        return Activation.RELU_SQUARED;
    }

    /** It has no biases there. */
    @Override
    public boolean runsInLlamaCpp(DecoderSpec spec) {
        return !spec.qkvBias() && !spec.outputBias() && !spec.mlpBias();
    }
}
