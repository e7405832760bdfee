package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.require;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.JsonFields;
import java.util.List;

/** ERNIE 4.5 (Baidu 2025), the dense ones: Llama, but neighbouring dimensions turn together. */
public final class Ernie45 extends RotaryDecoder {
    @Override
    public String modelType() {
        return "ernie4_5";
    }

    @Override
    public List<String> architectures() {
        return List.of("Ernie4_5ForCausalLM", "Ernie4_5_ForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "ernie4_5";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(2, 128, 131_072, 1, 2, 500_000, 1e-5, true);
    }

    @Override
    protected boolean neighbours() {
        return true;
    }

    /** One flag for the biases of all projections. */
    @Override
    protected Biases attentionBias(JsonFields config) {
        boolean bias = config.flag("use_bias", false);
        return new Biases(bias, bias);
    }

    @Override
    protected void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        require(spec, spec.qkvBias() == spec.mlpBias() && spec.outputBias() == spec.mlpBias(), "biases", "all or none", "some");
    }

    @Override
    protected boolean mayHaveMlpBias() {
        return true;
    }

    @Override
    protected String mlpBiasField() {
        return "use_bias";
    }

    // ---- GGUF: llama.cpp's src/models/ernie4-5.cpp, conversion/ernie.py, which leaves rows as they are ----------------------------------------

    @Override
    protected boolean hasWindowInGguf() {
        return false;
    }

    @Override
    public boolean runsInLlamaCpp(DecoderSpec spec) {
        return !spec.mlpBias();
    }
}
