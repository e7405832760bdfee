package dev.zhulong.formats.family;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.gguf.GgufKeys;
import dev.zhulong.formats.gguf.GgufValue;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** OLMo (Groeneveld et al. 2024): Llama with LayerNorms that have no weights; queries, keys and values are clipped in some. */
public final class Olmo extends RotaryDecoder {
    private static final Llama LLAMA = new Llama();
    private static final String CLIP = "clip_qkv";
    private static final double EPSILON = 1e-5;

    @Override
    public String modelType() {
        return "olmo";
    }

    @Override
    public List<String> architectures() {
        return List.of("OlmoForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "olmo";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(-1, -1, 2048, -1, 50_279, 10_000, EPSILON, false);
    }

    @Override
    protected Norm norm() {
        return Norm.LAYER_PLAIN;
    }

    /** It is the same in all. */
    @Override
    protected double epsilon(JsonFields config) {
        return EPSILON;
    }

    @Override
    protected Biases attentionBias(JsonFields config) {
        return LLAMA.attentionBias(config);
    }

    @Override
    protected void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        LLAMA.writeAttentionBias(spec, config);
    }

    /** What queries, keys and values are held within; 0 for nothing. */
    static double clip(JsonFields config) {
        return config.isSet(CLIP) ? config.positive(CLIP) : 0;
    }

    static void writeClip(DecoderSpec spec, ObjectNode config) {
        double clip = spec.layer(0).attention().clip();
        config.put(CLIP, clip == 0 ? null : Double.valueOf(clip));
    }

    @Override
    protected Attention attention(JsonFields config, Attention plain) {
        return plain.withClip(clip(config));
    }

    @Override
    protected void writeAttention(DecoderSpec spec, ObjectNode config) {
        writeClip(spec, config);
    }

    // ---- GGUF: llama.cpp's src/models/olmo.cpp, conversion/olmo.py ------------------------------------------------------------------------------

    private static final String GGUF_CLIP = "attention.clamp_kqv";

    @Override
    public String ggufEpsilon() {
        return "attention.layer_norm_epsilon";
    }

    /** Its converter is Llama's. */
    @Override
    protected boolean interleaved() {
        return true;
    }

    @Override
    public Set<String> understood() {
        return Set.of(GGUF_CLIP);
    }

    @Override
    protected List<Attention> attentions(GgufKeys keys, Attention plain) {
        return Collections.nCopies(keys.shape().layers(), plain.withClip(keys.positive(GGUF_CLIP, 0)));
    }

    @Override
    protected void writeAttentions(DecoderSpec spec, String at, Map<String, GgufValue> metadata) {
        double clip = spec.layer(0).attention().clip();
        if (clip > 0) {
            metadata.put(at + GGUF_CLIP, GgufValue.of((float) clip));
        }
    }

    @Override
    public boolean runsInLlamaCpp(DecoderSpec spec) {
        return !spec.qkvBias() && !spec.outputBias() && spec.headDim() * spec.heads() == spec.hiddenSize();
    }
}
