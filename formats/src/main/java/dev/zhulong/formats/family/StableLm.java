package dev.zhulong.formats.family;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.HeadNorm;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.formats.gguf.GgufKeys;
import dev.zhulong.formats.gguf.GgufValue;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/** StableLM (Bellagente et al. 2024): Llama with LayerNorm of which a part of each head turns; some with the MLP beside the attention and a norm for each head. */
public final class StableLm extends LayerNormDecoder {
    private static final String PARALLEL = "use_parallel_residual";

    @Override
    public String modelType() {
        return "stablelm";
    }

    @Override
    public List<String> architectures() {
        return List.of("StableLmForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "stablelm";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(32, -1, 4096, 0, 0, 10_000, 1e-5, false);
    }

    @Override
    protected double absentShare() {
        return 0.25;
    }

    @Override
    protected boolean mayHaveHeadDim() {
        return false;
    }

    @Override
    protected NormPlace place(JsonFields config) {
        return config.flag(PARALLEL, false) ? NormPlace.PARALLEL : NormPlace.BEFORE;
    }

    @Override
    protected Biases attentionBias(JsonFields config) {
        return new Biases(config.flag("use_qkv_bias", false), false);
    }

    @Override
    protected void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        requireBiases(spec, spec.qkvBias(), false, false);
        config.put("use_qkv_bias", spec.qkvBias());
    }

    @Override
    protected Attention attention(JsonFields config, Attention plain) {
        return config.flag("qk_layernorm", false) ? plain.withHeadNorm(HeadNorm.EACH_HEAD) : plain;
    }

    @Override
    protected void writeAttention(DecoderSpec spec, ObjectNode config) {
        config.put("qk_layernorm", spec.qkNorm());
        config.put(PARALLEL, spec.stack().place() == NormPlace.PARALLEL);
    }

    @Override
    protected void attentionParameters(ParameterList list, DecoderSpec spec, Attention a, String at, String gguf) {
        super.attentionParameters(list, spec, a.withHeadNorm(HeadNorm.NONE), at, gguf);
        if (a.headNorm() == HeadNorm.EACH_HEAD) {
            headNorms(list, Role.Q_NORM, at + "self_attn.q_layernorm.norms.", gguf + "attn_q_norm", a.heads(), a.headDim());
            headNorms(list, Role.K_NORM, at + "self_attn.k_layernorm.norms.", gguf + "attn_k_norm", a.kvHeads(), a.headDim());
        }
    }

    /** A weight for each head, without biases. */
    private static void headNorms(ParameterList list, Role role, String at, String gguf, int heads, int headDim) {
        for (int head = 0; head < heads; head++) {
            list.expert(head);
            list.norm(role, at + head, gguf, headDim, false);
        }
        list.expert(-1);
    }

    // ---- GGUF --------------------------------------------------------------------------------------------------------------------------------

    @Override
    protected NormPlace place(GgufKeys keys) {
        return keys.hasTensor("blk.0.ffn_norm.weight") ? NormPlace.BEFORE : NormPlace.PARALLEL;
    }

    @Override
    protected List<Attention> attentions(GgufKeys keys, Attention plain) {
        Attention attention = keys.hasTensor("blk.0.attn_q_norm.weight") ? plain.withHeadNorm(HeadNorm.EACH_HEAD) : plain;
        return Collections.nCopies(keys.shape().layers(), attention);
    }

    @Override
    protected void writeAttentions(DecoderSpec spec, String at, Map<String, GgufValue> metadata) {
        metadata.put(at + PARALLEL, GgufValue.of(spec.stack().place() == NormPlace.PARALLEL));
    }
}
