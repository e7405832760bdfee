package dev.zhulong.formats.family;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Stack.Mlp;
import java.util.List;

/** GLM-4 of 2024 (Zeng et al. 2024): Llama with biases of queries, keys and values, of whose heads half turns by neighbours; gate and way up in one matrix. */
public class Glm extends RotaryDecoder {
    private static final List<Integer> ENDS = List.of(151_329, 151_336, 151_338);

    @Override
    public String modelType() {
        return "glm";
    }

    @Override
    public List<String> architectures() {
        return List.of("GlmForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "chatglm";
    }

    @Override
    protected final Defaults defaults() {
        return new Defaults(2, 128, 131_072, -1, -1, 10_000, 1.5625e-7, false);
    }

    @Override
    protected final List<Integer> eos(JsonFields config, int vocab) {
        return config.isSet("eos_token_id") ? super.eos(config, vocab) : ENDS.stream().filter(id -> id < vocab).toList();
    }

    @Override
    protected final boolean neighbours() {
        return true;
    }

    @Override
    protected final double absentShare() {
        return 0.5;
    }

    @Override
    protected final Biases attentionBias(JsonFields config) {
        return new Biases(config.flag("attention_bias", true), false);
    }

    @Override
    protected final void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        ConfigFields.require(spec, !spec.outputBias(), "outputBias", false, true);
        config.put("attention_bias", spec.qkvBias());
    }

    @Override
    protected final void mlpParameters(ParameterList list, DecoderSpec spec, Mlp mlp, String at, String gguf) {
        Phi3.fused(list, spec, mlp, at + "mlp.gate_up_proj", at + "mlp.down_proj", gguf);
    }
}
