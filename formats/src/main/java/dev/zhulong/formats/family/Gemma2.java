package dev.zhulong.formats.family;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.formats.Stack.Scales;
import dev.zhulong.formats.gguf.GgufKeys;
import dev.zhulong.formats.gguf.GgufValue;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Gemma 2 (Gemma Team 2024): norms around attention and MLP, a window in every second layer, caps on scores and logits. */
public class Gemma2 extends Gemma {
    @Override
    public String modelType() {
        return "gemma2";
    }

    @Override
    public List<String> architectures() {
        return List.of("Gemma2ForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "gemma2";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(4, 256, 8192, 2, 1, 10_000, 1e-6, true);
    }

    @Override
    protected NormPlace place() {
        return NormPlace.AROUND;
    }

    @Override
    protected final String activationField() {
        return "hidden_activation";
    }

    @Override
    protected final Activation activation(JsonFields config) {
        return ConfigFields.activation(config, activationField(), "gelu_pytorch_tanh");
    }

    /** A cap, none where the field is null. */
    protected static double cap(JsonFields config, String field, double absent) {
        return config.has(field) ? config.positive(field, 0) : absent;
    }

    protected static void putCap(ObjectNode config, String field, double cap) {
        config.put(field, cap == 0 ? null : cap);
    }

    @Override
    protected Scales scales(JsonFields config, int hidden) {
        Scales gemma = super.scales(config, hidden);
        return new Scales(gemma.embedding(), 1, 1, cap(config, "final_logit_softcapping", 30));
    }

    @Override
    protected void writeScales(DecoderSpec spec, ObjectNode config) {
        putCap(config, "final_logit_softcapping", spec.stack().scales().softcap());
    }

    @Override
    protected Attention attention(JsonFields config, Attention plain) {
        return plain.withScores(scoreScale(config, plain), cap(config, "attn_logit_softcapping", 50));
    }

    protected final double scoreScale(JsonFields config, Attention plain) {
        return ConfigFields.scoreScale(1 / Math.sqrt(config.positive("query_pre_attn_scalar", 256)), plain.headDim());
    }

    @Override
    protected void writeAttention(DecoderSpec spec, ObjectNode config) {
        Attention first = spec.layer(0).attention();
        double scalar = 1 / (first.scoreScale() * first.scoreScale());
        if (Math.abs(scalar - Math.rint(scalar)) < 1e-9 * scalar) {
            config.put("query_pre_attn_scalar", (long) Math.rint(scalar));
        } else {
            config.put("query_pre_attn_scalar", scalar);
        }
        putCap(config, "attn_logit_softcapping", first.softcap());
    }

    @Override
    protected List<Integer> windows(JsonFields config, int layers) {
        return Sliding.windows(config, Sliding.layers(config, layers, Sliding.butEvery(2)), 4096);
    }

    @Override
    protected void writeWindows(DecoderSpec spec, Integer window, ObjectNode config) {
        Sliding.write(spec, window, config);
    }

    // ---- GGUF: keys of llama.cpp's LLM_KV_NAMES; src/models/gemma2.cpp, conversion/gemma.py ---------------------------------------------------

    @Override
    public Set<String> understood() {
        return Set.of("attn_logit_softcapping", "final_logit_softcapping");
    }

    /** Layers of the largest model: llama.cpp has no key for the scale of scores and knows by them the only one where it differs. */
    protected int layersOfLargest() {
        return 46;
    }

    private double usualScale(int layers, int hidden, int heads, int headDim) {
        return ConfigFields.scoreScale(1 / Math.sqrt(layers == layersOfLargest() ? hidden / heads : headDim), headDim);
    }

    protected final double scoreScale(GgufKeys keys) {
        return keys.has("attention.scale") ? keys.positive("attention.scale")
                : usualScale(keys.shape().layers(), keys.shape().hidden(), keys.shape().heads(), keys.shape().headDim());
    }

    private boolean hasUsualScale(DecoderSpec spec) {
        return spec.layer(0).attention().scale() == usualScale(spec.layers(), spec.hiddenSize(), spec.heads(), spec.headDim());
    }

    protected final void writeScoreScale(DecoderSpec spec, String at, Map<String, GgufValue> metadata) {
        if (!hasUsualScale(spec)) {
            metadata.put(at + "attention.scale", new GgufValue.Real(GgufValue.Type.FLOAT64, spec.layer(0).attention().scoreScale()));
        }
    }

    /** It has two caps, and a window in some layers. */
    @Override
    public boolean runsInLlamaCpp(DecoderSpec spec) {
        return isLikeGemma2(spec) && spec.layer(0).attention().softcap() > 0 && spec.stack().scales().softcap() > 0
                && spec.windows().stream().anyMatch(window -> window > 0);
    }

    protected final boolean isLikeGemma2(DecoderSpec spec) {
        return super.runsInLlamaCpp(spec) && hasUsualScale(spec) && Sliding.period(spec).isPresent();
    }

    @Override
    protected List<Attention> attentions(GgufKeys keys, Attention plain) {
        Attention all = plain.withScores(scoreScale(keys), keys.positive("attn_logit_softcapping", keys.isOwn() ? 0 : 50));
        return Sliding.windows(keys, 2, keys.isOwn() ? 0 : 4096).stream().map(all::withWindow).toList();
    }

    @Override
    protected void writeAttentions(DecoderSpec spec, String at, Map<String, GgufValue> metadata) {
        Sliding.write(spec, at, 2, metadata);
        writeScoreScale(spec, at, metadata);
        putCap(metadata, at + "attn_logit_softcapping", spec.layer(0).attention().softcap());
    }

    @Override
    protected Scales scales(GgufKeys keys) {
        return new Scales(Math.sqrt(keys.shape().hidden()), 1, 1, keys.positive("final_logit_softcapping", keys.isOwn() ? 0 : 30));
    }

    @Override
    protected void writeScales(DecoderSpec spec, String at, Map<String, GgufValue> metadata) {
        putCap(metadata, at + "final_logit_softcapping", spec.stack().scales().softcap());
    }

    private static void putCap(Map<String, GgufValue> metadata, String key, double cap) {
        if (cap > 0) {
            metadata.put(key, GgufValue.of((float) cap));
        }
    }
}
