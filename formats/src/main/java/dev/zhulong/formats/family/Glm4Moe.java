package dev.zhulong.formats.family;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.HeadNorm;
import dev.zhulong.formats.Stack.Mlp.Routing;
import dev.zhulong.formats.gguf.GgufKeys;
import java.util.List;

/** GLM-4.5 and 4.6 (Zeng et al. 2025): DeepSeek-V3's experts behind grouped-query attention, of whose heads half turns. */
public final class Glm4Moe extends GroupedExperts {
    private static final Routing ABSENT = sigmoid(128, true, 1, 1, 1);

    @Override
    public String modelType() {
        return "glm4_moe";
    }

    @Override
    public List<String> architectures() {
        return List.of("Glm4MoeForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "glm4moe";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(8, -1, 131_072, -1, -1, 10_000, 1e-5, false);
    }

    @Override
    protected int absentWidth() {
        return 10_944;
    }

    @Override
    protected Absent absent() {
        return new Absent(1, 128, 1, 8, 1408);
    }

    @Override
    protected double absentShare() {
        return 0.5;
    }

    @Override
    protected Biases attentionBias(JsonFields config) {
        return new Biases(config.flag("attention_bias", false), false);
    }

    @Override
    protected void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        ConfigFields.require(spec, !spec.outputBias(), "outputBias", false, true);
        config.put("attention_bias", spec.qkvBias());
    }

    @Override
    protected Attention attention(JsonFields config, Attention plain) {
        return plain.withHeadNorm(config.flag("use_qk_norm", false) ? HeadNorm.HEAD : HeadNorm.NONE);
    }

    @Override
    protected void writeAttention(DecoderSpec spec, ObjectNode config) {
        config.put("use_qk_norm", spec.qkNorm());
    }

    @Override
    protected Routing routing(JsonFields config, int experts) {
        return sigmoid(config, experts, ABSENT);
    }

    @Override
    protected void writeRouting(Routing routing, ObjectNode config) {
        writeSigmoid(routing, config);
        config.put("num_nextn_predict_layers", 0);
    }

    // ---- GGUF: llama.cpp's src/models/glm4-moe.cpp, conversion/glm.py (Glm4MoeModel) -----------------------------------------------------------

    @Override
    protected void normParameters(ParameterList list, DecoderSpec spec, String at, String gguf) {
        norm(list, Role.NORM1, at + "input_layernorm", gguf + "attn_norm", spec.hiddenSize());
        norm(list, Role.NORM2, at + "post_attention_layernorm", gguf + "post_attention_norm", spec.hiddenSize());
    }

    @Override
    protected boolean hasWindowInGguf() {
        return false;
    }

    @Override
    protected List<Attention> attentions(GgufKeys keys, Attention plain) {
        return super.attentions(keys, plain.withHeadNorm(keys.hasTensor("blk.0.attn_q_norm.weight") ? HeadNorm.HEAD : HeadNorm.NONE));
    }

    @Override
    protected Routing routing(GgufKeys keys, int experts) {
        return sigmoid(keys, experts);
    }

    /** It has no groups of experts there. */
    @Override
    public boolean runsInLlamaCpp(DecoderSpec spec) {
        return spec.stack().experts().filter(mixture -> mixture.routing().groups() > 1).isEmpty();
    }
}
