package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;
import static dev.zhulong.formats.family.ConfigFields.require;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Families;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.Mlp.Routing;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.gguf.GgufKeys;
import dev.zhulong.formats.gguf.GgufMetadata;
import dev.zhulong.formats.gguf.GgufValue;
import java.util.Map;
import java.util.Optional;

/**
 * Decoders with DeepSeek's experts (DeepSeek-AI 2024): first layers without them, the others in groups of which a few are chosen first, and some that all
 * tokens share. The attention is each family's own.
 */
public abstract class GroupedExperts extends SparseDecoder {
    /** How experts are chosen. @param experts of a layer */
    protected abstract Routing routing(JsonFields config, int experts);

    /** Sigmoids, with a correction for the choice alone, as DeepSeek-V3 chooses. @param absent where {@code config.json} is silent */
    protected static Routing sigmoid(JsonFields config, int experts, Routing absent) {
        config.text("scoring_func").filter(name -> !name.equals("sigmoid")).ifPresent(name -> {
            throw config.wrong("scoring_func", "sigmoid", name);
        });
        int groups = config.integer("n_group", 1, experts, absent.groups());
        int chosen = config.integer("topk_group", 1, groups, absent.chosenGroups());
        if (experts % groups != 0) {
            throw config.wrong("n_group", "a divisor of n_routed_experts " + experts, groups);
        }
        return sigmoid(experts, config.flag("norm_topk_prob", absent.normalised()), groups, chosen, config.positive("routed_scaling_factor", absent.scale()));
    }

    /** The same. @param experts of a layer */
    protected static Routing sigmoid(int experts, boolean normalised, int groups, int chosen, double scale) {
        return new Routing(Routing.Score.SIGMOID, normalised, false, true, groups, chosen, Math.min(2, experts / groups), scale);
    }

    /** Puts the fields that {@link #sigmoid(JsonFields, int, Routing)} reads. */
    protected static void writeSigmoid(Routing routing, ObjectNode config) {
        config.put("n_group", routing.groups()).put("topk_group", routing.chosenGroups()).put("norm_topk_prob", routing.normalised());
    }

    /** Sigmoids as a file says. @param experts of a layer */
    protected static Routing sigmoid(GgufKeys keys, int experts) {
        int groups = groups(keys, experts);
        return sigmoid(experts, normalised(keys), groups, chosenGroups(keys, groups), weightsScale(keys));
    }

    /** Puts the fields that {@link #routing} reads. */
    protected abstract void writeRouting(Routing routing, ObjectNode config);

    /** Where {@code config.json} is silent. */
    protected record Absent(int dense, int experts, int shared, int chosen, int width) {}

    protected abstract Absent absent();

    @Override
    protected Sparse experts(JsonFields config, Mlp.Dense dense, int layers) {
        if (config.isSet("moe_layer_freq") && config.integer("moe_layer_freq", 1, MOST) != 1) {
            throw config.wrong("moe_layer_freq", "1 (other steps are not implemented)", config.node("moe_layer_freq"));
        }
        int first = config.integer("first_k_dense_replace", 0, MOST, absent().dense);
        if (first >= layers) {
            return null;
        }
        int count = config.integer(config.named("n_routed_experts", "num_local_experts", "num_experts"), 1, ConfigFields.MOST_EXPERTS / layers, absent().experts);
        int width = config.integer("moe_intermediate_size", 1, MOST, absent().width);
        long shared = (long) width * config.integer("n_shared_experts", 1, MOST, absent().shared);
        if (shared > MOST) {
            throw config.wrong("n_shared_experts", "experts of at most " + MOST + " together", shared);
        }
        Routing routing = routing(config, count);
        try {
            return new Sparse(new Mlp.Experts(count, config.integer("num_experts_per_tok", 1, count, absent().chosen), width(dense, width), balance(config, 0), routing,
                    width(dense, (int) shared), false), layer -> layer >= first);
        } catch (IllegalArgumentException e) {
            throw config.wrong("num_experts_per_tok", "what the groups of experts hold", e.getMessage());
        }
    }

    @Override
    protected void writeExperts(DecoderSpec spec, Mlp.Experts mixture, ObjectNode config) {
        require(spec, mixture.shared() != null && mixture.shared().width() % mixture.width() == 0, "shared experts", "some of " + mixture.width(), mixture.shared());
        int first = 0;
        while (spec.layer(first).mlp() instanceof Mlp.Dense) {
            first++;
        }
        config.put("first_k_dense_replace", first).put("n_routed_experts", mixture.count()).put("num_experts_per_tok", mixture.chosen());
        config.put("moe_intermediate_size", mixture.width()).put("n_shared_experts", mixture.shared().width() / mixture.width());
        config.put("routed_scaling_factor", mixture.routing().scale()).put("moe_layer_freq", 1);
        writeRouting(mixture.routing(), config);
    }

    @Override
    protected String shared(String module) {
        return module + ".shared_experts";
    }

    /** Modules behind the last layer, which predict further tokens, are no part of the decoder. */
    @Override
    public Map<String, TensorView> tidy(NetworkSpec spec, Map<String, TensorView> stored) {
        int layers = spec.stack().layers().size();
        return super.tidy(spec, Families.renamed(stored, view -> isBehind(view.name(), layers) ? Optional.empty() : Optional.of(view.name())));
    }

    private static boolean isBehind(String name, int layers) {
        String prefix = "model.layers.";
        int dot = name.startsWith(prefix) ? name.indexOf('.', prefix.length()) : -1;
        String number = dot < 0 ? "" : name.substring(prefix.length(), dot);
        return number.matches("[0-9]{1,6}") && Integer.parseInt(number) >= layers;
    }

    // ---- GGUF: llama.cpp's LLM_KV_NAMES ------------------------------------------------------------------------------------------------------------

    private static final String GATING = "expert_gating_func";
    private static final String GROUPS = "expert_group_count";
    private static final String CHOSEN_GROUPS = "expert_group_used_count";
    private static final String SHARED = "expert_shared_count";
    private static final String NORMALISED = "expert_weights_norm";
    private static final String WEIGHTS_SCALE = "expert_weights_scale";
    private static final int SIGMOID = 2;

    /** The routing of a file. @param experts of a layer */
    protected abstract Routing routing(GgufKeys keys, int experts);

    /** Whether the scores are sigmoids, which tells the two apart. */
    protected static boolean isSigmoid(GgufMetadata metadata) {
        return metadata.integer(metadata.architecture() + "." + GATING, 0, MOST, 1) == SIGMOID;
    }

    /** Groups of experts that a file names; 1 for none. */
    protected static int groups(GgufKeys keys, int experts) {
        int groups = Math.max(1, keys.integer(GROUPS, 0, experts, 1));
        if (experts % groups != 0) {
            throw keys.metadata().wrong(keys.at() + GROUPS, "a divisor of expert_count " + experts);
        }
        return groups;
    }

    /** How many of them are chosen. */
    protected static int chosenGroups(GgufKeys keys, int groups) {
        return groups == 1 ? 1 : keys.integer(CHOSEN_GROUPS, 1, groups);
    }

    /** Whether the weights of the chosen are made to sum to one. */
    protected static boolean normalised(GgufKeys keys) {
        return keys.flag(NORMALISED, false);
    }

    /** What the weights of the chosen are multiplied by. */
    protected static double weightsScale(GgufKeys keys) {
        return keys.positive(WEIGHTS_SCALE, 1);
    }

    @Override
    protected boolean mayBeginDenseInGguf() {
        return true;
    }

    @Override
    protected Mlp.Experts experts(GgufKeys keys, int count, int chosen, Mlp.Dense dense) {
        int width = keys.integer("expert_feed_forward_length", 1, MOST);
        int shared = keys.integer(SHARED, 1, MOST / width);
        try {
            return new Mlp.Experts(count, chosen, width(dense, width), 0, routing(keys, count), width(dense, width * shared), false);
        } catch (IllegalArgumentException e) {
            throw keys.metadata().wrong(keys.at() + "expert_used_count", "what the groups of experts hold (" + e.getMessage() + ")");
        }
    }

    @Override
    protected void writeExperts(Mlp.Experts mixture, String at, Map<String, GgufValue> metadata) {
        boolean whole = mixture.shared() != null && mixture.shared().width() % mixture.width() == 0;
        requireInGguf("shared experts of " + mixture.width(), true, whole);
        Routing routing = mixture.routing();
        metadata.put(at + SHARED, GgufValue.of(mixture.shared().width() / mixture.width()));
        metadata.put(at + WEIGHTS_SCALE, GgufValue.of((float) routing.scale()));
        metadata.put(at + NORMALISED, GgufValue.of(routing.normalised()));
        metadata.put(at + GATING, GgufValue.of(routing.score() == Routing.Score.SIGMOID ? SIGMOID : 1));
        if (routing.groups() > 1) {
            metadata.put(at + GROUPS, GgufValue.of(routing.groups()));
            metadata.put(at + CHOSEN_GROUPS, GgufValue.of(routing.chosenGroups()));
        }
    }
}
