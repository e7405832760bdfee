package dev.zhulong.formats.family;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Scales;
import dev.zhulong.formats.gguf.GgufKeys;
import dev.zhulong.formats.gguf.GgufValue;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Granite 3 (IBM 2024): Llama with factors on embeddings, scores, results and logits. */
public final class Granite extends RotaryDecoder {
    private static final Llama LLAMA = new Llama();

    @Override
    public String modelType() {
        return "granite";
    }

    @Override
    public List<String> architectures() {
        return List.of("GraniteForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "granite";
    }

    @Override
    protected Defaults defaults() {
        return LLAMA.defaults();
    }

    @Override
    protected Biases attentionBias(JsonFields config) {
        return LLAMA.attentionBias(config);
    }

    @Override
    protected void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        LLAMA.writeAttentionBias(spec, config);
    }

    @Override
    protected boolean mayHaveMlpBias() {
        return true;
    }

    @Override
    protected Scales scales(JsonFields config, int hidden) {
        return new Scales(config.positive("embedding_multiplier", 1), config.positive("residual_multiplier", 1), 1 / config.positive("logits_scaling", 1), 0);
    }

    @Override
    protected void writeScales(DecoderSpec spec, ObjectNode config) {
        Scales scales = spec.stack().scales();
        config.put("embedding_multiplier", scales.embedding());
        config.put("residual_multiplier", scales.residual());
        config.put("logits_scaling", ConfigFields.inverse(scales.logits()));
    }

    /** Where the file is silent, scores are not scaled at all. */
    @Override
    protected Attention attention(JsonFields config, Attention plain) {
        return plain.withScores(ConfigFields.scoreScale(config.positive("attention_multiplier", 1), plain.headDim()), 0);
    }

    @Override
    protected void writeAttention(DecoderSpec spec, ObjectNode config) {
        config.put("attention_multiplier", spec.layer(0).attention().scoreScale());
    }

    // ---- GGUF: keys of llama.cpp's LLM_KV_NAMES; src/models/granite.cpp, conversion/granite.py ------------------------------------------------

    /** Its converter is Llama's. */
    @Override
    protected boolean interleaved() {
        return true;
    }

    @Override
    protected boolean hasWindowInGguf() {
        return false;
    }

    @Override
    public Set<String> understood() {
        return Set.of("logit_scale", "residual_scale", "embedding_scale");
    }

    @Override
    protected List<Attention> attentions(GgufKeys keys, Attention plain) {
        double scale = ConfigFields.scoreScale(keys.positive("attention.scale", plain.scoreScale()), plain.headDim());
        return Collections.nCopies(keys.shape().layers(), plain.withScores(scale, 0));
    }

    @Override
    protected void writeAttentions(DecoderSpec spec, String at, Map<String, GgufValue> metadata) {
        // llama.cpp asks for it in every file
        metadata.put(at + "attention.scale", GgufValue.of((float) spec.layer(0).attention().scoreScale()));
    }

    @Override
    protected Scales scales(GgufKeys keys) {
        return new Scales(keys.positive("embedding_scale", 1), keys.positive("residual_scale", 1), 1 / keys.positive("logit_scale"), 0);
    }

    @Override
    protected void writeScales(DecoderSpec spec, String at, Map<String, GgufValue> metadata) {
        Scales scales = spec.stack().scales();
        metadata.put(at + "embedding_scale", GgufValue.of((float) scales.embedding()));
        metadata.put(at + "residual_scale", GgufValue.of((float) scales.residual()));
        metadata.put(at + "logit_scale", GgufValue.of((float) ConfigFields.inverse(scales.logits())));
    }
}
