package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;
import static dev.zhulong.formats.family.ConfigFields.MOST_EXPERTS;
import static dev.zhulong.formats.family.ConfigFields.MOST_LAYERS;
import static dev.zhulong.formats.family.ConfigFields.require;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.Families;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter.Init;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.gguf.GgufKeys;
import dev.zhulong.formats.gguf.GgufMetadata;
import dev.zhulong.formats.gguf.GgufValue;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Mixtral (Jiang et al. 2024): Mistral with a mixture of experts for an MLP, of which each token is given two. */
public final class Mixtral extends Mistral {
    private static final double BALANCE = 0.001;

    @Override
    public String modelType() {
        return "mixtral";
    }

    @Override
    public List<String> architectures() {
        return List.of("MixtralForCausalLM");
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(8, -1, 131_072, 1, 2, 1e6, 1e-5, false);
    }

    /** None where the file does not name one, unlike Mistral's. */
    @Override
    protected List<Integer> windows(JsonFields config, int layers) {
        return Collections.nCopies(layers, config.integer("sliding_window", 1, MOST, 0));
    }

    @Override
    protected Mlp mlp(JsonFields config) {
        if (config.isSet("router_jitter_noise") && config.number("router_jitter_noise") != 0) {
            throw config.wrong("router_jitter_noise", "0 (noise in training is not implemented)", config.node("router_jitter_noise"));
        }
        int experts = config.integer("num_local_experts", 1, most(config.integer("num_hidden_layers", 1, MOST_LAYERS)), 8);
        return new Mlp.Experts(experts, config.integer("num_experts_per_tok", 1, experts, Math.min(2, experts)), dense(config, "intermediate_size"),
                config.isSet("router_aux_loss_coef") ? config.number("router_aux_loss_coef") : BALANCE);
    }

    /** The most experts of a layer. */
    private static int most(int layers) {
        return MOST_EXPERTS / layers;
    }

    @Override
    protected void writeMlp(DecoderSpec spec, ObjectNode config) {
        require(spec, spec.layer(0).mlp() instanceof Mlp.Experts, "mlp", "experts", "one for all tokens");
        var experts = (Mlp.Experts) spec.layer(0).mlp();
        require(spec, !experts.expert().bias(), "mlpBias", false, true);
        config.put("num_local_experts", experts.count());
        config.put("num_experts_per_tok", experts.chosen());
        config.put("output_router_logits", false);
        config.put("router_aux_loss_coef", experts.balance());
        config.put("router_jitter_noise", 0.0);
    }

    @Override
    protected void mlpParameters(ParameterList list, DecoderSpec spec, Mlp mlp, String at, String gguf) {
        var experts = (Mlp.Experts) mlp;
        list.matrix(Role.ROUTER, at + "block_sparse_moe.gate", gguf + "ffn_gate_inp", Init.NORMAL, experts.count(), spec.hiddenSize());
        for (int expert = 0; expert < experts.count(); expert++) {
            String name = at + "block_sparse_moe.experts." + expert + ".";
            list.expert(expert);
            dense(list, spec, experts.expert(), name + "w1", name + "w3", name + "w2", gguf, "_exps");
        }
    }

    /** Since version 5 transformers holds the experts of a layer in two tensors, though it saves them apart. */
    @Override
    public Map<String, List<String>> together(NetworkSpec network) {
        var together = new LinkedHashMap<String, List<String>>();
        Mixtures.together(network, "mlp.experts").forEach((name, of) -> together.put(name.replace(".block_sparse_moe.gate.", ".mlp.gate."), of));
        return together;
    }

    /** Files may hold the weights as transformers does, too. */
    @Override
    public Map<String, TensorView> tidy(NetworkSpec network, Map<String, TensorView> stored) {
        Map<String, TensorView> today = Families.renamed(super.tidy(network, stored), view -> Optional.of(view.name().replace(".mlp.gate.", ".block_sparse_moe.gate.")));
        return Mixtures.apart(network, "mlp.experts", today);
    }

    // ---- GGUF --------------------------------------------------------------------------------------------------------------------------------

    /** A llama with experts is a Mixtral: the only one of the architecture that has them. */
    @Override
    public boolean claims(GgufMetadata metadata) {
        return metadata.integer("llama.expert_count", 0, MOST, 0) > 0;
    }

    @Override
    public Set<String> understood() {
        return Set.of("expert_count");
    }

    @Override
    protected Mlp mlp(GgufKeys keys) {
        int experts = keys.integer("expert_count", 1, most(keys.shape().layers()));
        return new Mlp.Experts(experts, keys.integer("expert_used_count", 1, experts), new Mlp.Dense(keys.shape().inner(), Activation.SILU, true, false), BALANCE);
    }

    @Override
    public void write(DecoderSpec spec, String at, Map<String, GgufValue> metadata) {
        super.write(spec, at, metadata);
        var experts = (Mlp.Experts) spec.layer(0).mlp();
        metadata.put(at + "expert_count", GgufValue.of(experts.count()));
        metadata.put(at + "expert_used_count", GgufValue.of(experts.chosen()));
    }
}
