package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Parameter.Init;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.HeadNorm;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.NormPlace;
import java.util.List;

/** Phi-1, 1.5 and 2 (Li et al. 2023): attention and MLP side by side on one LayerNorm, biases everywhere, the head's included, half of each head turns. */
public final class Phi extends LayerNormDecoder {
    @Override
    public String modelType() {
        return "phi";
    }

    @Override
    public List<String> architectures() {
        return List.of("PhiForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "phi2";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(-1, -1, 2048, 1, 2, 10_000, 1e-5, false);
    }

    @Override
    protected double absentShare() {
        return 0.5;
    }

    @Override
    protected NormPlace place() {
        return NormPlace.PARALLEL;
    }

    @Override
    protected Biases attentionBias(JsonFields config) {
        return new Biases(true, true);
    }

    @Override
    protected void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        requireBiases(spec, true, true, true);
    }

    @Override
    protected Attention attention(JsonFields config, Attention plain) {
        return config.flag("qk_layernorm", false) ? plain.withHeadNorm(HeadNorm.HEAD) : plain;
    }

    @Override
    protected void writeAttention(DecoderSpec spec, ObjectNode config) {
        config.put("qk_layernorm", spec.qkNorm());
    }

    @Override
    protected boolean gated() {
        return false;
    }

    @Override
    protected Activation activation(JsonFields config) {
        return ConfigFields.ungated(config, activationField(), "gelu_new");
    }

    @Override
    protected Mlp mlp(JsonFields config) {
        return new Mlp.Dense(config.integer("intermediate_size", 1, MOST, 8192), activation(config), false, true);
    }

    @Override
    protected void writeMlp(DecoderSpec spec, ObjectNode config) {}

    @Override
    protected void attentionParameters(ParameterList list, DecoderSpec spec, Attention a, String at, String gguf) {
        long hidden = spec.hiddenSize();
        list.projection(Role.Q, at + "self_attn.q_proj", gguf + "attn_q", Init.NORMAL, Layout.SAME, a.width(), hidden, true);
        list.projection(Role.K, at + "self_attn.k_proj", gguf + "attn_k", Init.NORMAL, Layout.SAME, a.kvWidth(), hidden, true);
        list.projection(Role.V, at + "self_attn.v_proj", gguf + "attn_v", Init.NORMAL, Layout.SAME, a.kvWidth(), hidden, true);
        list.projection(Role.OUT, at + "self_attn.dense", gguf + "attn_output", Init.RESIDUAL, Layout.SAME, hidden, a.width(), true);
        if (a.headNorm() == HeadNorm.HEAD) {
            norm(list, Role.Q_NORM, at + "self_attn.q_layernorm", null, a.headDim());
            norm(list, Role.K_NORM, at + "self_attn.k_layernorm", null, a.headDim());
        }
    }

    @Override
    protected void mlpParameters(ParameterList list, DecoderSpec spec, Mlp mlp, String at, String gguf) {
        dense(list, spec, (Mlp.Dense) mlp, null, at + "mlp.fc1", at + "mlp.fc2", gguf, "");
    }

    @Override
    protected String finalNormName() {
        return "model.final_layernorm";
    }

    @Override
    protected boolean headBias() {
        return true;
    }

    @Override
    protected Activation ggufActivation() {
        return Activation.GELU_TANH;
    }
}
