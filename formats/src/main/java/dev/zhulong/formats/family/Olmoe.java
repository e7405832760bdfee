package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.HeadNorm;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.Mlp.Routing;
import dev.zhulong.formats.gguf.GgufKeys;
import dev.zhulong.formats.gguf.GgufValue;
import java.util.List;
import java.util.Map;

/** OLMoE (Muennighoff et al. 2024): OLMo with many small experts in all layers; rows of queries and keys are normalised. */
public final class Olmoe extends SparseDecoder {
    private static final double BALANCE = 0.01;
    private static final Llama LLAMA = new Llama();

    @Override
    public String modelType() {
        return "olmoe";
    }

    @Override
    public List<String> architectures() {
        return List.of("OlmoeForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "olmoe";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(-1, -1, 4096, -1, 50_279, 10_000, 1e-5, false);
    }

    @Override
    protected int absentWidth() {
        return 2048;
    }

    @Override
    protected HeadNorm headNorm() {
        return HeadNorm.ROW;
    }

    /** The norms' rows are as wide as the stream. */
    @Override
    protected boolean mayHaveHeadDim() {
        return false;
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
    protected Attention attention(JsonFields config, Attention plain) {
        return plain.withClip(Olmo.clip(config));
    }

    @Override
    protected void writeAttention(DecoderSpec spec, ObjectNode config) {
        Olmo.writeClip(spec, config);
    }

    @Override
    protected Sparse experts(JsonFields config, Mlp.Dense dense, int layers) {
        int experts = config.integer(config.named("num_experts", "num_local_experts"), 1, ConfigFields.MOST_EXPERTS / layers, 64);
        return new Sparse(new Mlp.Experts(experts, config.integer("num_experts_per_tok", 1, experts, 8), dense, balance(config, BALANCE),
                Routing.softmax(config.flag("norm_topk_prob", false)), null, false), layer -> true);
    }

    @Override
    protected void writeExperts(DecoderSpec spec, Mlp.Experts mixture, ObjectNode config) {
        config.put("num_experts", mixture.count()).put("num_experts_per_tok", mixture.chosen()).put("norm_topk_prob", mixture.routing().normalised());
    }

    // ---- GGUF: llama.cpp's src/models/olmoe.cpp, conversion/olmo.py (OlmoeModel) ---------------------------------------------------------------

    @Override
    protected boolean hasWindowInGguf() {
        return false;
    }

    /** llama.cpp wants a head of its own. */
    @Override
    public boolean repeatsTiedHead() {
        return true;
    }

    @Override
    protected Mlp.Experts experts(GgufKeys keys, int count, int chosen, Mlp.Dense dense) {
        return new Mlp.Experts(count, chosen, width(dense, keys.integer("expert_feed_forward_length", 1, MOST, dense.width())), BALANCE, Routing.softmax(false), null,
                false);
    }

    @Override
    protected void writeExperts(Mlp.Experts mixture, String at, Map<String, GgufValue> metadata) {
        requireInGguf("norm_topk_prob", false, mixture.routing().normalised());
    }

    @Override
    public boolean runsInLlamaCpp(DecoderSpec spec) {
        return !spec.qkvBias() && !spec.outputBias() && spec.layer(0).attention().clip() == 0;
    }
}
