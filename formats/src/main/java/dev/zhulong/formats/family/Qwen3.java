package dev.zhulong.formats.family;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Stack.HeadNorm;
import java.util.List;

/** Qwen3 (Yang et al. 2025): Qwen2 without its bias, with a norm on each head of query and key. */
public final class Qwen3 extends Qwen2 {
    private static final Llama LLAMA = new Llama();

    @Override
    public String modelType() {
        return "qwen3";
    }

    @Override
    public List<String> architectures() {
        return List.of("Qwen3ForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "qwen3";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(32, 128, 32_768, -1, -1);
    }

    /** One flag for all four, as Llama has it. */
    @Override
    protected Biases attentionBias(JsonFields config) {
        return LLAMA.attentionBias(config);
    }

    @Override
    protected void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        LLAMA.writeAttentionBias(spec, config);
    }

    @Override
    protected HeadNorm headNorm() {
        return HeadNorm.HEAD;
    }

    @Override
    protected void requireBiasesInGguf(DecoderSpec spec) {
        requireInGguf("qkvBias", false, spec.qkvBias());
        requireInGguf("outputBias", false, spec.outputBias());
        requireInGguf("mlpBias", false, spec.mlpBias());
    }
}
