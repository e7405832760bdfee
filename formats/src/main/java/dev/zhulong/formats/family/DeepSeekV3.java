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
    private static final Routing ABSENT = sigmoid(256, true, 8, 4, 2.5);

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
        return sigmoid(config, experts, ABSENT);
    }

    @Override
    protected void writeRouting(Routing routing, ObjectNode config) {
        writeSigmoid(routing, config);
        config.put("scoring_func", "sigmoid").put("topk_method", "noaux_tc").put("num_nextn_predict_layers", 0);
    }

    @Override
    public boolean claims(GgufMetadata metadata) {
        return isSigmoid(metadata);
    }

    @Override
    protected Routing routing(GgufKeys keys, int experts) {
        return sigmoid(keys, experts);
    }
}
