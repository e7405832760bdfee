package dev.zhulong.formats.family;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack.NormPlace;
import java.util.List;

/** GLM-4 of 2025 (GLM-4-0414): GLM whose layers also normalise what they add. */
public final class Glm4 extends Glm {
    @Override
    public String modelType() {
        return "glm4";
    }

    @Override
    public List<String> architectures() {
        return List.of("Glm4ForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "glm4";
    }

    @Override
    protected NormPlace place() {
        return NormPlace.AROUND;
    }

    @Override
    protected void normParameters(ParameterList list, DecoderSpec spec, String at, String gguf) {
        long hidden = spec.hiddenSize();
        norm(list, Role.NORM1, at + "input_layernorm", gguf + "attn_norm", hidden);
        norm(list, Role.NORM1_RESULT, at + "post_self_attn_layernorm", gguf + "post_attention_norm", hidden);
        norm(list, Role.NORM2, at + "post_attention_layernorm", gguf + "ffn_norm", hidden);
        norm(list, Role.NORM2_RESULT, at + "post_mlp_layernorm", gguf + "post_ffw_norm", hidden);
    }
}
