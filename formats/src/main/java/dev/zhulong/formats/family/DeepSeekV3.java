package dev.zhulong.formats.family;


import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Stack.Mlp.Routing;
import dev.zhulong.formats.gguf.GgufKeys;
import dev.zhulong.formats.gguf.GgufMetadata;
import java.util.List;

/** DeepSeek-V3 and R1 (DeepSeek-AI 2024): sigmoids for scores, the best groups by their two best experts, and a correction that balances without a loss. */
public final class DeepSeekV3 extends DeepSeek {
    @Override
    public String modelType() {
        return "deepseek_v3";
    }

    @Override
    public List<String> architectures() {
        return List.of("DeepseekV3ForCausalLM");
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(-1, -1, 4096, 0, 1);
    }

    @Override
    protected int absentWidth() {
        return 18_432;
    }

    @Override
    protected Absent absent() {
        return new Absent(3, 256, 1, 8, 2048);
    }

    /** Neighbours turn together, unless {@code rope_interleave} says otherwise. */
    @Override
    public DecoderSpec read(JsonFields config) {
        DecoderSpec spec = super.read(config);
        return spec.withRope(spec.rope().withNeighbours(config.flag("rope_interleave", true)));
    }

    @Override
    protected void writeAttention(DecoderSpec spec, ObjectNode config) {
        super.writeAttention(spec, config);
        config.put("rope_interleave", spec.rope().neighbours());
    }

    @Override
    protected Routing routing(JsonFields config, int experts) {
        config.text("scoring_func").filter(name -> !name.equals("sigmoid")).ifPresent(name -> {
            throw config.wrong("scoring_func", "sigmoid", name);
        });
        int groups = config.integer("n_group", 1, experts, 8);
        int chosen = config.integer("topk_group", 1, groups, 4);
        if (experts % groups != 0) {
            throw config.wrong("n_group", "a divisor of n_routed_experts " + experts, groups);
        }
        return new Routing(Routing.Score.SIGMOID, config.flag("norm_topk_prob", true), false, true, groups, chosen, Math.min(2, experts / groups),
                config.positive("routed_scaling_factor", 2.5));
    }

    @Override
    protected void writeRouting(Routing routing, ObjectNode config) {
        config.put("n_group", routing.groups()).put("topk_group", routing.chosenGroups()).put("norm_topk_prob", routing.normalised());
        config.put("scoring_func", "sigmoid").put("topk_method", "noaux_tc").put("num_nextn_predict_layers", 0);
    }

    @Override
    public boolean claims(GgufMetadata metadata) {
        return isSigmoid(metadata);
    }

    @Override
    protected Routing routing(GgufKeys keys, int experts) {
        int groups = groups(keys, experts);
        return new Routing(Routing.Score.SIGMOID, normalised(keys), false, true, groups, chosenGroups(keys, groups), Math.min(2, experts / groups), weightsScale(keys));
    }
}
