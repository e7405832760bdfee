package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;
import static dev.zhulong.formats.family.ConfigFields.require;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.Mlp.Routing;
import dev.zhulong.formats.gguf.GgufKeys;
import dev.zhulong.formats.gguf.GgufValue;
import java.util.List;
import java.util.Map;

/** Qwen1.5-MoE and Qwen2-MoE (Yang et al. 2024): Qwen2 with many small experts, and one that all tokens share in a measure of their own. */
public final class Qwen2Moe extends SparseDecoder {
    private static final double BALANCE = 0.001;

    @Override
    public String modelType() {
        return "qwen2_moe";
    }

    @Override
    public List<String> architectures() {
        return List.of("Qwen2MoeForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "qwen2moe";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(16, -1, 32_768, -1, -1);
    }

    @Override
    protected int absentWidth() {
        return 5632;
    }

    @Override
    protected Biases attentionBias(JsonFields config) {
        return new Biases(config.flag("qkv_bias", true), false);
    }

    @Override
    protected void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        require(spec, !spec.outputBias(), "outputBias", false, true);
        config.put("qkv_bias", spec.qkvBias());
    }

    /** Every other layer before {@code max_window_layers}, unless {@code layer_types} says which. */
    @Override
    protected List<Integer> windows(JsonFields config, int layers) {
        int stated = config.has("sliding_window") ? config.integer("sliding_window", 0, MOST, 0) : 4096;
        int window = config.flag("use_sliding_window", false) ? stated : 0;
        int before = config.isSet("layer_types") ? 0 : config.integer("max_window_layers", 0, MOST, 28);
        List<Boolean> sliding = Sliding.layers(config, layers, layer -> window > 0 && layer % 2 == 0 && layer < before);
        if (window == 0 && sliding.contains(true)) {
            throw config.wrong("layer_types", "use_sliding_window true and a sliding_window for sliding_attention", "none");
        }
        return sliding.stream().map(slides -> slides ? window : 0).toList();
    }

    @Override
    protected void writeWindows(DecoderSpec spec, Integer window, ObjectNode config) {
        config.put("use_sliding_window", window != null);
        Sliding.write(spec, window, config);
    }

    @Override
    protected Sparse experts(JsonFields config, Mlp.Dense dense, int layers) {
        int experts = count(config, "num_experts", layers, 60);
        if (experts == 0) {
            return null;
        }
        var mixture = new Mlp.Experts(experts, config.integer("num_experts_per_tok", 1, experts, 4), width(dense, config.integer("moe_intermediate_size", 1, MOST, 1408)),
                balance(config, BALANCE), Routing.softmax(config.flag("norm_topk_prob", false)),
                width(dense, config.integer("shared_expert_intermediate_size", 1, MOST, 5632)), true);
        return new Sparse(mixture, layer -> isSparse(config, layer));
    }

    @Override
    protected void writeExperts(DecoderSpec spec, Mlp.Experts mixture, ObjectNode config) {
        require(spec, mixture.shared() != null && mixture.sharedScale(), "shared expert", "one with a scale", "none");
        writeSparse(spec, config);
        config.put("num_experts", mixture.count()).put("num_experts_per_tok", mixture.chosen()).put("moe_intermediate_size", mixture.width());
        config.put("norm_topk_prob", mixture.routing().normalised()).put("shared_expert_intermediate_size", mixture.shared().width());
    }

    @Override
    protected Mlp.Experts experts(GgufKeys keys, int count, int chosen, Mlp.Dense dense) {
        return new Mlp.Experts(count, chosen, width(dense, keys.integer("expert_feed_forward_length", 1, MOST, Math.max(1, dense.width() / chosen))), BALANCE,
                Routing.softmax(false), width(dense, keys.integer("expert_shared_feed_forward_length", 1, MOST, dense.width())), true);
    }

    @Override
    protected void writeExperts(Mlp.Experts mixture, String at, Map<String, GgufValue> metadata) {
        requireInGguf("norm_topk_prob", false, mixture.routing().normalised());
        metadata.put(at + "expert_shared_feed_forward_length", GgufValue.of(mixture.shared().width()));
    }

    /** llama.cpp wants a head of its own. */
    @Override
    public boolean repeatsTiedHead() {
        return true;
    }

    @Override
    protected void requireBiasesInGguf(DecoderSpec spec) {
        requireInGguf("qkvBias", true, spec.qkvBias());
    }
}
