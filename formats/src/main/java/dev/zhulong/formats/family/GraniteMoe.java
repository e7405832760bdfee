package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;
import static dev.zhulong.formats.family.ConfigFields.require;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.Mlp.Routing;
import dev.zhulong.formats.Stack.Scales;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.gguf.GgufKeys;
import dev.zhulong.formats.gguf.GgufValue;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** PowerMoE and Granite 3 with experts (Shen et al. 2024, IBM 2024): Granite whose MLPs are mixtures, the experts of a layer in two tensors. */
public class GraniteMoe extends SparseDecoder {
    private static final double BALANCE = 0.001;
    private static final Granite GRANITE = new Granite();

    @Override
    public String modelType() {
        return "granitemoe";
    }

    @Override
    public List<String> architectures() {
        return List.of("GraniteMoeForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "granitemoe";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(-1, -1, 2048, 1, 2);
    }

    @Override
    protected int absentWidth() {
        return 11_008;
    }

    @Override
    protected Biases attentionBias(JsonFields config) {
        return GRANITE.attentionBias(config);
    }

    @Override
    protected void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        GRANITE.writeAttentionBias(spec, config);
    }

    @Override
    protected Scales scales(JsonFields config, int hidden) {
        return GRANITE.scales(config, hidden);
    }

    @Override
    protected void writeScales(DecoderSpec spec, ObjectNode config) {
        GRANITE.writeScales(spec, config);
    }

    @Override
    protected Attention attention(JsonFields config, Attention plain) {
        return GRANITE.attention(config, plain);
    }

    @Override
    protected void writeAttention(DecoderSpec spec, ObjectNode config) {
        GRANITE.writeAttention(spec, config);
    }

    @Override
    protected Sparse experts(JsonFields config, Mlp.Dense dense, int layers) {
        int experts = config.integer(config.named("num_local_experts", "num_experts"), 1, ConfigFields.MOST_EXPERTS / layers, 8);
        return new Sparse(new Mlp.Experts(experts, config.integer("num_experts_per_tok", 1, experts, 2), dense, balance(config, BALANCE), Routing.SOFTMAX,
                shared(config, dense), false), layer -> true);
    }

    /** The expert that all tokens pass; null for none. */
    protected Mlp.Dense shared(JsonFields config, Mlp.Dense dense) {
        return null;
    }

    @Override
    protected void writeExperts(DecoderSpec spec, Mlp.Experts mixture, ObjectNode config) {
        config.put("num_local_experts", mixture.count()).put("num_experts_per_tok", mixture.chosen());
        writeShared(spec, mixture.shared(), config);
    }

    /** Puts the field that {@link #shared(JsonFields, Mlp.Dense)} reads. */
    protected void writeShared(DecoderSpec spec, Mlp.Dense shared, ObjectNode config) {
        require(spec, shared == null, "shared expert", "none", shared);
    }

    // ---- weights -----------------------------------------------------------------------------------------------------------------------------

    @Override
    protected final String module() {
        return "block_sparse_moe";
    }

    @Override
    protected final String router(String module) {
        return module + ".router.layer";
    }

    @Override
    protected final String shared(String module) {
        return module.replace(module(), "shared_mlp");
    }

    /** Tensors that hold several weights, under the names of files. */
    private Map<String, List<String>> piles(NetworkSpec spec) {
        var piles = new LinkedHashMap<String, List<String>>();
        for (Parameter p : parameters(spec)) {
            boolean shared = p.name().contains(".shared_mlp.");
            if (p.expert() >= 0 || shared) {
                String at = "model.layers." + p.layer() + (shared ? ".shared_mlp" : ".block_sparse_moe");
                piles.computeIfAbsent(at + (p.role() == Role.DOWN ? ".output_linear.weight" : ".input_linear.weight"), key -> new ArrayList<>()).add(p.name());
            }
        }
        return piles;
    }

    private static long[] shape(List<Parameter> weights) {
        long[] one = weights.getFirst().shape();
        if (weights.getFirst().expert() < 0) {
            return new long[] {weights.size() * one[0], one[1]};
        }
        long experts = weights.getLast().expert() + 1;
        return new long[] {experts, weights.size() / experts * one[0], one[1]};
    }

    @Override
    public final Map<String, TensorView> tidy(NetworkSpec spec, Map<String, TensorView> stored) {
        return Piles.apart(spec, piles(spec), GraniteMoe::shape, super.tidy(spec, stored));
    }

    @Override
    public final Map<String, TensorView> stored(NetworkSpec spec, Map<String, TensorView> weights) {
        return Piles.together(spec, piles(spec), GraniteMoe::shape, weights);
    }

    /** Since version 5 transformers calls the tensors of experts as it does elsewhere, though it saves them as before. */
    @Override
    public final Map<String, List<String>> together(NetworkSpec spec) {
        Map<String, List<String>> piles = piles(spec);
        var inside = new HashSet<String>();
        piles.values().forEach(inside::addAll);
        var together = new LinkedHashMap<String, List<String>>();
        parameters(spec).stream().map(Parameter::name).filter(name -> !inside.contains(name)).forEach(name -> together.put(loaded(name), List.of(name)));
        piles.forEach((name, weights) -> together.put(loaded(name), weights));
        return together;
    }

    private static String loaded(String name) {
        return name.replace("block_sparse_moe.input_linear.weight", "block_sparse_moe.experts.gate_up_proj")
                .replace("block_sparse_moe.output_linear.weight", "block_sparse_moe.experts.down_proj").replace(".router.layer.weight", ".router.weight");
    }

    // ---- GGUF: llama.cpp's src/models/granite.cpp, conversion/granite.py (GraniteMoeModel) -----------------------------------------------------

    private static final String SHARED = "expert_shared_feed_forward_length";

    @Override
    protected final boolean interleaved() {
        return true;
    }

    @Override
    protected final boolean hasWindowInGguf() {
        return false;
    }

    @Override
    public final Set<String> understood() {
        var keys = new HashSet<>(super.understood());
        keys.addAll(GRANITE.understood());
        return keys;
    }

    @Override
    protected final List<Attention> attentions(GgufKeys keys, Attention plain) {
        return GRANITE.attentions(keys, plain);
    }

    @Override
    protected final void writeAttentions(DecoderSpec spec, String at, Map<String, GgufValue> metadata) {
        GRANITE.writeAttentions(spec, at, metadata);
    }

    @Override
    protected final Scales scales(GgufKeys keys) {
        return GRANITE.scales(keys);
    }

    @Override
    protected final void writeScales(DecoderSpec spec, String at, Map<String, GgufValue> metadata) {
        GRANITE.writeScales(spec, at, metadata);
    }

    @Override
    protected final Mlp.Experts experts(GgufKeys keys, int count, int chosen, Mlp.Dense dense) {
        int shared = keys.integer(SHARED, 0, MOST, 0);
        return new Mlp.Experts(count, chosen, dense, BALANCE, Routing.SOFTMAX, shared == 0 ? null : width(dense, shared), false);
    }

    @Override
    protected final void writeExperts(Mlp.Experts mixture, String at, Map<String, GgufValue> metadata) {
        if (mixture.shared() != null) {
            metadata.put(at + SHARED, GgufValue.of(mixture.shared().width()));
        }
    }
}
