package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Stack.Mlp;
import java.util.Collections;
import java.util.List;

/** StarCoder2 (Lozhkov et al. 2024): LayerNorm, an MLP without a gate, biases everywhere or nowhere but in the norms, a window in all layers. */
public final class StarCoder2 extends LayerNormDecoder {
    @Override
    public String modelType() {
        return "starcoder2";
    }

    @Override
    public List<String> architectures() {
        return List.of("Starcoder2ForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "starcoder2";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(2, -1, 4096, 50_256, 50_256, 10_000, 1e-5, true);
    }

    @Override
    protected String epsilonField() {
        return "norm_epsilon";
    }

    @Override
    protected Biases attentionBias(JsonFields config) {
        boolean biased = config.flag("use_bias", true);
        return new Biases(biased, biased);
    }

    @Override
    protected void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        requireBiases(spec, spec.qkvBias(), spec.qkvBias(), spec.qkvBias());
        config.put("use_bias", spec.qkvBias());
    }

    @Override
    protected List<Integer> windows(JsonFields config, int layers) {
        return Collections.nCopies(layers, config.integer("sliding_window", 1, MOST, 0));
    }

    @Override
    protected void writeWindows(DecoderSpec spec, Integer window, ObjectNode config) {
        config.put("sliding_window", window);
    }

    @Override
    protected boolean gated() {
        return false;
    }

    @Override
    protected Activation activation(JsonFields config) {
        return ConfigFields.ungated(config, activationField(), "gelu_pytorch_tanh");
    }

    @Override
    protected Mlp mlp(JsonFields config) {
        return new Mlp.Dense(config.integer("intermediate_size", 1, MOST), activation(config), false, config.flag("use_bias", true));
    }

    @Override
    protected void writeMlp(DecoderSpec spec, ObjectNode config) {}

    @Override
    protected void mlpParameters(ParameterList list, DecoderSpec spec, Mlp mlp, String at, String gguf) {
        dense(list, spec, (Mlp.Dense) mlp, null, at + "mlp.c_fc", at + "mlp.c_proj", gguf, "");
    }

    @Override
    protected Activation ggufActivation() {
        return Activation.GELU_TANH;
    }

    @Override
    public boolean repeatsTiedHead() {
        return false;
    }

    /** All its projections have biases there. */
    @Override
    public boolean runsInLlamaCpp(DecoderSpec spec) {
        return spec.qkvBias();
    }
}
