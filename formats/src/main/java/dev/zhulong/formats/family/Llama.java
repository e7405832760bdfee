package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.require;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.JsonFields;
import java.util.List;

/** Llama 1 to 3 (Touvron et al. 2023, Grattafiori et al. 2024), and the many models that took over its layout. */
public final class Llama extends RotaryDecoder {
    @Override
    public String modelType() {
        return "llama";
    }

    @Override
    public List<String> architectures() {
        return List.of("LlamaForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "llama";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(-1, -1, 2048, 1, 2);
    }

    @Override
    protected Biases attentionBias(JsonFields config) {
        boolean bias = config.flag("attention_bias", false);
        return new Biases(bias, bias);
    }

    @Override
    protected void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        require(spec, spec.qkvBias() == spec.outputBias(), "outputBias", "as qkvBias " + spec.qkvBias(), spec.outputBias());
        config.put("attention_bias", spec.qkvBias());
    }

    @Override
    protected boolean mayHaveMlpBias() {
        return true;
    }

    @Override
    protected boolean hasWindowInGguf() {
        return false;
    }
}
