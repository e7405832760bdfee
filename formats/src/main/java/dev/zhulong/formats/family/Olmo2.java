package dev.zhulong.formats.family;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Stack.HeadNorm;
import dev.zhulong.formats.Stack.NormPlace;
import java.util.List;

/** OLMo 2 (Walsh et al. 2025): what attention and MLP give is normalised, not what they are given; so are the rows of queries and keys. */
public class Olmo2 extends RotaryDecoder {
    private static final Llama LLAMA = new Llama();

    @Override
    public String modelType() {
        return "olmo2";
    }

    @Override
    public List<String> architectures() {
        return List.of("Olmo2ForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "olmo2";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(-1, -1, 2048, -1, 50_279, 10_000, 1e-5, false);
    }

    @Override
    protected NormPlace place() {
        return NormPlace.RESULT;
    }

    @Override
    protected HeadNorm headNorm() {
        return HeadNorm.ROW;
    }

    @Override
    protected Biases attentionBias(JsonFields config) {
        return LLAMA.attentionBias(config);
    }

    @Override
    protected void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        LLAMA.writeAttentionBias(spec, config);
    }

    // ---- GGUF: llama.cpp's src/models/olmo2.cpp, conversion/olmo.py ---------------------------------------------------------------------------

    @Override
    protected boolean hasWindowInGguf() {
        return false;
    }

    /** llama.cpp wants a head of its own. */
    @Override
    public boolean repeatsTiedHead() {
        return true;
    }

    @Override
    public boolean runsInLlamaCpp(DecoderSpec spec) {
        return !spec.qkvBias() && !spec.outputBias() && spec.headDim() * spec.heads() == spec.hiddenSize() && spec.rope().rotaryDims() == spec.headDim();
    }
}
