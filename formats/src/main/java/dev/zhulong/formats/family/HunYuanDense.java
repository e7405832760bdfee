package dev.zhulong.formats.family;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.HeadNorm;
import java.util.List;
import java.util.Optional;

/** HunYuan of 2025, the dense ones (Tencent): Llama whose queries and keys are normalised after they are turned, and a base of angles raised by a factor. */
public final class HunYuanDense extends RotaryDecoder {
    private static final Llama LLAMA = new Llama();

    @Override
    public String modelType() {
        return "hunyuan_v1_dense";
    }

    @Override
    public List<String> architectures() {
        return List.of("HunYuanDenseV1ForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "hunyuan-dense";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(-1, -1, 2048, 1, 2, 10_000, 1e-5, false);
    }

    @Override
    protected HeadNorm headNorm() {
        return HeadNorm.TURNED_HEAD;
    }

    @Override
    protected Biases attentionBias(JsonFields config) {
        return LLAMA.attentionBias(config);
    }

    @Override
    protected void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        LLAMA.writeAttentionBias(spec, config);
    }

    /** With {@code alpha} the dynamic scaling is none: the base is another, at all lengths. */
    @Override
    protected Rope rope(JsonFields config, int headDim, int contextLength) {
        Optional<JsonFields> fields = config.object("rope_parameters").or(() -> config.object("rope_scaling"));
        boolean dynamic = fields.flatMap(f -> f.text(f.isSet("rope_type") ? "rope_type" : "type")).filter(type -> type.equals("dynamic")).isPresent();
        if (!dynamic || !fields.get().isSet("alpha") || fields.get().number("alpha") == 0) {
            return super.rope(config, headDim, contextLength);
        }
        double theta = fields.get().isSet("rope_theta") ? fields.get().positive("rope_theta") : config.positive("rope_theta", defaults().theta());
        return new Rope(theta * Math.pow(fields.get().positive("alpha"), headDim / (headDim - 2.0)), headDim, new Scaling.None());
    }

    @Override
    protected void attentionParameters(ParameterList list, DecoderSpec spec, Attention a, String at, String gguf) {
        super.attentionParameters(list, spec, a.withHeadNorm(HeadNorm.NONE), at, gguf);
        headNormParameters(list, a, at + "self_attn.query_layernorm", at + "self_attn.key_layernorm", gguf);
    }

    // ---- GGUF: llama.cpp's src/models/hunyuan-dense.cpp, conversion/hunyuan.py ------------------------------------------------------------------

    @Override
    protected boolean hasWindowInGguf() {
        return false;
    }

    @Override
    public boolean runsInLlamaCpp(DecoderSpec spec) {
        return !spec.qkvBias() && !spec.outputBias();
    }
}
