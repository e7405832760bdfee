package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;
import static dev.zhulong.formats.family.ConfigFields.require;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Stack.HeadNorm;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.Mlp.Routing;
import dev.zhulong.formats.gguf.GgufKeys;
import dev.zhulong.formats.gguf.GgufValue;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/** Qwen3-MoE (Yang et al. 2025): Qwen3 with many small experts, none of them shared. */
public final class Qwen3Moe extends SparseDecoder {
    private static final double BALANCE = 0.001;
    private static final Llama LLAMA = new Llama();

    @Override
    public String modelType() {
        return "qwen3_moe";
    }

    @Override
    public List<String> architectures() {
        return List.of("Qwen3MoeForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "qwen3moe";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(4, -1, 32_768, -1, -1);
    }

    @Override
    protected int absentWidth() {
        return 6144;
    }

    /** One flag for all four, as Llama has it. */
    @Override
    protected Biases attentionBias(JsonFields config) {
        return LLAMA.attentionBias(config);
    }

    @Override
    protected void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        LLAMA.writeAttentionBias(spec, config);
    }

    @Override
    protected HeadNorm headNorm() {
        return HeadNorm.HEAD;
    }

    /** The same in all layers. */
    @Override
    protected List<Integer> windows(JsonFields config, int layers) {
        int stated = config.has("sliding_window") ? config.integer("sliding_window", 0, MOST, 0) : 4096;
        return Collections.nCopies(layers, config.flag("use_sliding_window", false) ? stated : 0);
    }

    @Override
    protected void writeWindows(DecoderSpec spec, Integer window, ObjectNode config) {
        require(spec, window == null || !spec.windows().contains(0), "windows", "one size for all layers", spec.windows());
        config.put("use_sliding_window", window != null);
        config.put("sliding_window", window);
    }

    @Override
    protected Sparse experts(JsonFields config, Mlp.Dense dense, int layers) {
        int experts = count(config, config.named("num_experts", "num_local_experts"), layers, 128);
        if (experts == 0) {
            return null;
        }
        var mixture = new Mlp.Experts(experts, config.integer("num_experts_per_tok", 1, experts, 8), width(dense, config.integer("moe_intermediate_size", 1, MOST, 768)),
                balance(config, BALANCE), Routing.softmax(config.flag("norm_topk_prob", false)), null, false);
        return new Sparse(mixture, layer -> isSparse(config, layer));
    }

    @Override
    protected void writeExperts(DecoderSpec spec, Mlp.Experts mixture, ObjectNode config) {
        writeSparse(spec, config);
        config.put("num_experts", mixture.count()).put("num_experts_per_tok", mixture.chosen()).put("moe_intermediate_size", mixture.width());
        config.put("norm_topk_prob", mixture.routing().normalised());
    }

    @Override
    protected Mlp.Experts experts(GgufKeys keys, int count, int chosen, Mlp.Dense dense) {
        return new Mlp.Experts(count, chosen, width(dense, keys.integer("expert_feed_forward_length", 1, MOST, Math.max(1, dense.width() / chosen))), BALANCE,
                Routing.softmax(true), null, false);
    }

    @Override
    protected void writeExperts(Mlp.Experts mixture, String at, Map<String, GgufValue> metadata) {
        requireInGguf("norm_topk_prob", true, mixture.routing().normalised());
    }

    @Override
    protected void requireBiasesInGguf(DecoderSpec spec) {
        requireInGguf("qkvBias", false, spec.qkvBias());
        requireInGguf("outputBias", false, spec.outputBias());
    }
}
