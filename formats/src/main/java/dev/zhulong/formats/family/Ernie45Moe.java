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
import dev.zhulong.formats.gguf.GgufValue;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/** ERNIE 4.5 with experts (Baidu 2025): ERNIE 4.5, some of whose layers have many small experts, chosen with a correction, and some that all tokens share. */
public final class Ernie45Moe extends SparseDecoder {
    private static final double BALANCE = 0.001;
    private static final double LEAST_SUM = 1e-12;
    private static final String CORRECTION = ".moe_statics.e_score_correction_bias";
    private static final Routing ROUTING = new Routing(Routing.Score.SOFTMAX, true, false, true, 1, 1, 1, 1);

    @Override
    public String modelType() {
        return "ernie4_5_moe";
    }

    @Override
    public List<String> architectures() {
        return List.of("Ernie4_5_MoeForCausalLM", "Ernie4_5_MoeModel");
    }

    @Override
    public String ggufArchitecture() {
        return "ernie4_5-moe";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(4, -1, 131_072, 1, 2, 500_000, 1e-5, true);
    }

    @Override
    protected int absentWidth() {
        return 12_288;
    }

    @Override
    protected boolean neighbours() {
        return true;
    }

    @Override
    protected Biases attentionBias(JsonFields config) {
        ConfigFields.refuse(config, "use_bias", false);
        return new Biases(false, false);
    }

    @Override
    protected void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        require(spec, !spec.qkvBias() && !spec.outputBias(), "biases", "none", "some");
        config.put("use_bias", false);
    }

    @Override
    protected Sparse experts(JsonFields config, Mlp.Dense dense, int layers) {
        int count = config.integer(config.named("moe_num_experts", "num_experts"), 1, ConfigFields.MOST_EXPERTS / layers, 64);
        if (config.isSet("moe_norm_min") && config.number("moe_norm_min") > LEAST_SUM) {
            throw config.wrong("moe_norm_min", "at most " + LEAST_SUM + " (weights that sum to less are not kept small)", config.node("moe_norm_min"));
        }
        int width = config.integer("moe_intermediate_size", 1, MOST, 1536);
        long shared = (long) width * config.integer("moe_num_shared_experts", 0, MOST, 2);
        if (shared > MOST) {
            throw config.wrong("moe_num_shared_experts", "experts of at most " + MOST + " together", shared);
        }
        int first = config.integer("moe_layer_start_index", 0, MOST, 1);
        int stated = config.isSet("moe_layer_end_index") ? config.integer("moe_layer_end_index", -1, MOST) : -1;
        int last = stated < 0 ? layers - 1 : stated;
        int interval = config.integer("moe_layer_interval", 1, MOST, 1);
        var mixture = new Mlp.Experts(count, config.integer(config.named("moe_k", "num_experts_per_tok"), 1, count, 6), width(dense, width), balance(config, BALANCE), ROUTING,
                shared == 0 ? null : width(dense, (int) shared), false);
        return new Sparse(mixture, layer -> (layer + 1) % interval == 0 && layer >= first && layer <= last);
    }

    @Override
    protected void writeExperts(DecoderSpec spec, Mlp.Experts mixture, ObjectNode config) {
        require(spec, mixture.shared() == null || mixture.shared().width() % mixture.width() == 0, "shared experts", "some of " + mixture.width(), mixture.shared());
        List<Integer> sparse = sparse(spec);
        int interval = interval(spec);
        config.put("moe_layer_start_index", sparse.getFirst()).put("moe_layer_end_index", sparse.getLast()).put("moe_layer_interval", interval);
        config.put("moe_num_experts", mixture.count()).put("moe_k", mixture.chosen()).put("moe_intermediate_size", mixture.width());
        config.put("moe_num_shared_experts", mixture.shared() == null ? 0 : mixture.shared().width() / mixture.width()).put("moe_norm_min", LEAST_SUM);
    }

    private static List<Integer> sparse(DecoderSpec spec) {
        return IntStream.range(0, spec.layers()).filter(layer -> spec.layer(layer).mlp() instanceof Mlp.Experts).boxed().toList();
    }

    /** From one layer with experts to the next, one where there is a single one whose number tells nothing. */
    private static int interval(DecoderSpec spec) {
        List<Integer> sparse = sparse(spec);
        return sparse.size() < 2 ? 1 : sparse.get(1) - sparse.get(0);
    }

    // ---- weights -----------------------------------------------------------------------------------------------------------------------------

    @Override
    protected String correction(String module) {
        return module + CORRECTION;
    }

    @Override
    protected String shared(String module) {
        return module + ".shared_experts";
    }

    /** What corrects the choice is a matrix of one row in files; modules that predict further tokens are no part of the decoder. */
    @Override
    public Map<String, TensorView> tidy(NetworkSpec spec, Map<String, TensorView> stored) {
        Map<String, TensorView> today = Families.renamed(stored,
                view -> view.name().contains("mtp") ? Optional.empty() : Optional.of(view.name().replace(".gate.moe_statics.", ".moe_statics.")));
        today.replaceAll((name, view) -> name.endsWith(CORRECTION) && view.shape().length == 2 && view.shape()[0] == 1 ? view.part(view.name(), 0, view.shape()[1])
                : view);
        return super.tidy(spec, today);
    }

    @Override
    public Map<String, TensorView> stored(NetworkSpec spec, Map<String, TensorView> weights) {
        var stored = new LinkedHashMap<>(weights);
        stored.replaceAll((name, view) -> name.endsWith(CORRECTION) ? view.part(view.name(), 0, 1, view.elements()) : view);
        return stored;
    }

    @Override
    public Map<String, List<String>> together(NetworkSpec spec) {
        var together = new LinkedHashMap<String, List<String>>();
        super.together(spec).forEach((name, of) -> together.put(name.replace(CORRECTION, ".gate" + CORRECTION), of));
        return together;
    }

    // ---- GGUF: llama.cpp's src/models/ernie4-5-moe.cpp, conversion/ernie.py (Ernie4_5MoeModel) --------------------------------------------------

    private static final String STEP = "interleave_moe_layer_step";
    private static final String SHARED = "expert_shared_count";
    private static final String SHARED_WIDTH = "expert_shared_feed_forward_length";

    @Override
    protected boolean hasWindowInGguf() {
        return false;
    }

    @Override
    protected boolean mayBeginDenseInGguf() {
        return true;
    }

    @Override
    protected Mlp.Experts experts(GgufKeys keys, int count, int chosen, Mlp.Dense dense) {
        if (keys.integer(STEP, 0, MOST, 1) > 1) {
            throw keys.metadata().wrong(keys.at() + STEP, "1 (other steps are not read)");
        }
        int width = keys.integer("expert_feed_forward_length", 1, MOST);
        int shared = keys.integer(SHARED, 0, MOST / width, 0);
        return new Mlp.Experts(count, chosen, width(dense, width), BALANCE, ROUTING, shared == 0 ? null : width(dense, keys.integer(SHARED_WIDTH, 1, MOST, shared * width)),
                false);
    }

    @Override
    protected void writeExperts(Mlp.Experts mixture, String at, Map<String, GgufValue> metadata) {
        metadata.put(at + STEP, GgufValue.of(1));
        if (mixture.shared() != null) {
            metadata.put(at + SHARED, GgufValue.of(Math.max(1, mixture.shared().width() / mixture.width())));
            metadata.put(at + SHARED_WIDTH, GgufValue.of(mixture.shared().width()));
        }
    }
}
