package dev.zhulong.formats.family;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Stack.Scales;
import dev.zhulong.formats.gguf.GgufKeys;
import java.util.List;

/** Gemma (Gemma Team 2024): embeddings times √hidden, norms stored less one, GELU by tanh for a gate. */
public class Gemma extends RotaryDecoder {
    private static final Llama LLAMA = new Llama();

    @Override
    public String modelType() {
        return "gemma";
    }

    @Override
    public List<String> architectures() {
        return List.of("GemmaForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "gemma";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(16, 256, 8192, 2, 1, 10_000, 1e-6, true);
    }

    @Override
    protected Norm norm() {
        return Norm.RMS_LESS_ONE;
    }

    @Override
    protected Scales scales(JsonFields config, int hidden) {
        ConfigFields.refuse(config, "use_bidirectional_attention", false);
        return new Scales(Math.sqrt(hidden), 1, 1, 0);
    }

    @Override
    protected Biases attentionBias(JsonFields config) {
        return LLAMA.attentionBias(config);
    }

    @Override
    protected void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        LLAMA.writeAttentionBias(spec, config);
    }

    /** The first files say {@code gelu} and mean the one by tanh. */
    @Override
    protected Activation activation(JsonFields config) {
        Activation stated = ConfigFields.activation(config, activationField(), "gelu_pytorch_tanh");
        return stated == Activation.GELU ? Activation.GELU_TANH : stated;
    }

    // ---- GGUF --------------------------------------------------------------------------------------------------------------------------------

    @Override
    protected Activation ggufActivation() {
        return Activation.GELU_TANH;
    }

    /** llama.cpp multiplies embeddings without a key ({@code src/models/gemma.cpp}). */
    @Override
    protected Scales scales(GgufKeys keys) {
        return new Scales(Math.sqrt(keys.shape().hidden()), 1, 1, 0);
    }

    /** Its attention has no biases there, and its head is the embedding. */
    @Override
    public boolean runsInLlamaCpp(DecoderSpec spec) {
        return !spec.qkvBias() && !spec.outputBias() && spec.tiedEmbeddings();
    }
}
