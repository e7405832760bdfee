package dev.zhulong.formats.family;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.HeadNorm;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.formats.Stack.Scales;
import dev.zhulong.formats.gguf.GgufKeys;
import dev.zhulong.formats.gguf.GgufValue;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Command R and Aya 23 (Cohere 2024): attention and MLP side by side after one LayerNorm without a bias, neighbouring dimensions turn, logits are scaled. */
public class Cohere extends RotaryDecoder {
    private static final Llama LLAMA = new Llama();

    @Override
    public String modelType() {
        return "cohere";
    }

    @Override
    public List<String> architectures() {
        return List.of("CohereForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "command-r";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(-1, -1, 8192, 5, 255_001, 500_000, 1e-5, true);
    }

    @Override
    protected final Norm norm() {
        return Norm.LAYER;
    }

    @Override
    protected final NormPlace place() {
        return NormPlace.PARALLEL;
    }

    @Override
    protected final String epsilonField() {
        return "layer_norm_eps";
    }

    @Override
    protected final boolean neighbours() {
        return true;
    }

    @Override
    protected final Biases attentionBias(JsonFields config) {
        return LLAMA.attentionBias(config);
    }

    @Override
    protected final void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        LLAMA.writeAttentionBias(spec, config);
    }

    @Override
    protected Attention attention(JsonFields config, Attention plain) {
        return plain.withHeadNorm(config.flag("use_qk_norm", false) ? HeadNorm.EACH_HEAD : HeadNorm.NONE);
    }

    @Override
    protected void writeAttention(DecoderSpec spec, ObjectNode config) {
        config.put("use_qk_norm", spec.qkNorm());
    }

    @Override
    protected final Scales scales(JsonFields config, int hidden) {
        return new Scales(1, 1, config.positive("logit_scale", 0.0625), 0);
    }

    @Override
    protected final void writeScales(DecoderSpec spec, ObjectNode config) {
        config.put("logit_scale", spec.stack().scales().logits());
    }

    // ---- GGUF: keys of llama.cpp's LLM_KV_NAMES; src/models/command-r.cpp, conversion/command_r.py --------------------------------------------

    @Override
    public final String ggufEpsilon() {
        return "attention.layer_norm_epsilon";
    }

    @Override
    public final Set<String> understood() {
        return Set.of("logit_scale");
    }

    @Override
    protected boolean hasWindowInGguf() {
        return false;
    }

    @Override
    protected List<Attention> attentions(GgufKeys keys, Attention plain) {
        return Collections.nCopies(keys.shape().layers(), plain.withHeadNorm(keys.hasTensor("blk.0.attn_q_norm.weight") ? HeadNorm.EACH_HEAD : HeadNorm.NONE));
    }

    @Override
    protected final Scales scales(GgufKeys keys) {
        return new Scales(1, 1, keys.positive("logit_scale"), 0);
    }

    @Override
    protected final void writeScales(DecoderSpec spec, String at, Map<String, GgufValue> metadata) {
        metadata.put(at + "logit_scale", GgufValue.of((float) spec.stack().scales().logits()));
    }

    @Override
    public boolean runsInLlamaCpp(DecoderSpec spec) {
        return !spec.qkvBias() && !spec.outputBias() && spec.tiedEmbeddings() && spec.headDim() * spec.heads() == spec.hiddenSize();
    }
}
