package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.require;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.JsonFields;
import java.util.List;

/** Helium 1 (Kyutai 2025): Llama, but neighbouring dimensions turn together, and the attention's output never has a bias. */
public final class Helium extends RotaryDecoder {
    @Override
    public String modelType() {
        return "helium";
    }

    @Override
    public List<String> architectures() {
        return List.of("HeliumForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "helium";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(20, 128, 4096, 1, 2, 100_000, 1e-8, false);
    }

    @Override
    protected boolean neighbours() {
        return true;
    }

    /** The output's matrix is square. */
    @Override
    protected boolean mayHaveHeadDim() {
        return false;
    }

    @Override
    protected Biases attentionBias(JsonFields config) {
        return new Biases(config.flag("attention_bias", false), false);
    }

    @Override
    protected void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        require(spec, !spec.outputBias(), "outputBias", false, true);
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

    /** llama.cpp does not have it. */
    @Override
    public boolean runsInLlamaCpp(DecoderSpec spec) {
        return false;
    }
}
