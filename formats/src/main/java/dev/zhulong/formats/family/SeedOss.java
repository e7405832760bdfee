package dev.zhulong.formats.family;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Role;
import java.util.List;

/** Seed-OSS (ByteDance 2025): Llama with a bias on query, key and value. */
public final class SeedOss extends RotaryDecoder {
    @Override
    public String modelType() {
        return "seed_oss";
    }

    @Override
    public List<String> architectures() {
        return List.of("SeedOssForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "seed_oss";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(8, 128, 524_288, 0, 2);
    }

    @Override
    protected Biases attentionBias(JsonFields config) {
        return new Biases(config.flag("attention_bias", true), config.flag("attention_out_bias", false));
    }

    @Override
    protected void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        config.put("attention_bias", spec.qkvBias());
        config.put("attention_out_bias", spec.outputBias());
        config.put("residual_dropout", 0.0);
    }

    @Override
    protected boolean mayHaveMlpBias() {
        return true;
    }

    // ---- GGUF: llama.cpp's src/models/seed-oss.cpp, which calls the second norm of a layer post_attention_norm --------------------------------

    @Override
    protected void normParameters(ParameterList list, DecoderSpec spec, String at, String gguf) {
        norm(list, Role.NORM1, at + "input_layernorm", gguf + "attn_norm", spec.hiddenSize());
        norm(list, Role.NORM2, at + "post_attention_layernorm", gguf + "post_attention_norm", spec.hiddenSize());
    }

    @Override
    protected boolean hasWindowInGguf() {
        return false;
    }

    @Override
    public boolean runsInLlamaCpp(DecoderSpec spec) {
        return !spec.outputBias() && !spec.mlpBias();
    }
}
