package dev.zhulong.formats.family;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Stack.Mlp.Routing;
import dev.zhulong.formats.gguf.GgufKeys;
import dev.zhulong.formats.gguf.GgufMetadata;
import java.util.List;

/** DeepSeek-V2 (DeepSeek-AI 2024): softmax over all experts, whose weights are not made to sum to one, of all or of the best groups by their best expert. */
public final class DeepSeekV2 extends DeepSeek {
    private static final String METHOD = "topk_method";
    private static final String GREEDY = "greedy";
    private static final String GROUPS = "group_limited_greedy";

    @Override
    public String modelType() {
        return "deepseek_v2";
    }

    @Override
    public List<String> architectures() {
        return List.of("DeepseekV2ForCausalLM");
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
    protected Absent absent() {
        return new Absent(0, 64, 2, 6, 1407);
    }

    @Override
    protected boolean neighbours() {
        return true;
    }

    /** {@code norm_topk_prob} changes nothing here, as in transformers. */
    @Override
    protected Routing routing(JsonFields config, int experts) {
        ConfigFields.refuse(config, "mlp_bias", false);
        config.text("scoring_func").filter(name -> !name.equals("softmax")).ifPresent(name -> {
            throw config.wrong("scoring_func", "softmax", name);
        });
        double scale = config.positive("routed_scaling_factor", 1);
        String method = config.text(METHOD).orElse(GREEDY);
        if (method.equals(GREEDY)) {
            return new Routing(Routing.Score.SOFTMAX, false, false, false, 1, 1, 1, scale);
        }
        if (!method.equals(GROUPS)) {
            throw config.wrong(METHOD, GREEDY + " or " + GROUPS, method);
        }
        int groups = config.integer("n_group", 1, experts);
        if (experts % groups != 0) {
            throw config.wrong("n_group", "a divisor of n_routed_experts " + experts, groups);
        }
        return new Routing(Routing.Score.SOFTMAX, false, false, false, groups, config.integer("topk_group", 1, groups), 1, scale);
    }

    @Override
    protected void writeRouting(Routing routing, ObjectNode config) {
        config.put(METHOD, routing.groups() == 1 ? GREEDY : GROUPS).put("n_group", routing.groups()).put("topk_group", routing.chosenGroups());
        config.put("scoring_func", "softmax").put("norm_topk_prob", false);
    }

    @Override
    public boolean claims(GgufMetadata metadata) {
        return !isSigmoid(metadata);
    }

    @Override
    protected Routing routing(GgufKeys keys, int experts) {
        if (normalised(keys)) {
            throw keys.metadata().wrong(keys.at() + "expert_weights_norm", "false beside softmax");
        }
        int groups = groups(keys, experts);
        return new Routing(Routing.Score.SOFTMAX, false, false, false, groups, chosenGroups(keys, groups), 1, weightsScale(keys));
    }
}
