package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.RopeConfig;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.HeadNorm;
import dev.zhulong.formats.Stack.Scales;
import dev.zhulong.formats.Stack.Turn;
import dev.zhulong.formats.gguf.GgufKeys;
import dev.zhulong.formats.gguf.GgufValue;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Gemma 3 (Gemma Team 2025): Gemma 2 with norms of queries and keys, five layers with a window and angles of their own for each that sees everything. */
public final class Gemma3 extends Gemma2 {
    private static final double LOCAL_THETA = 10_000;

    @Override
    public String modelType() {
        return "gemma3_text";
    }

    @Override
    public List<String> architectures() {
        return List.of("Gemma3ForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "gemma3";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(4, 256, 131_072, 2, 1, 1e6, 1e-6, true);
    }

    @Override
    protected HeadNorm headNorm() {
        return HeadNorm.HEAD;
    }

    /** Of the layers that see everything. */
    @Override
    protected Rope rope(JsonFields config, int headDim, int contextLength) {
        return RopeConfig.read(config, "full_attention", "rope_theta", true, headDim, contextLength, defaults().theta());
    }

    @Override
    protected void writeRope(DecoderSpec spec, ObjectNode config) {
        RopeConfig.write(config, spec.rope(), spec.headDim(), spec.contextLength());
        RopeConfig.write(config, "full_attention", spec.rope(), spec.headDim(), spec.contextLength());
        Rope local = spec.stack().layers().stream().map(layer -> layer.attention().turn()).filter(Turn.Own.class::isInstance).map(turn -> ((Turn.Own) turn).rope())
                .findFirst().orElse(new Rope(LOCAL_THETA, spec.headDim(), new Scaling.None()));
        RopeConfig.write(config, "sliding_attention", local, spec.headDim(), spec.contextLength());
        config.put("rope_local_base_freq", local.theta());
    }

    @Override
    protected Scales scales(JsonFields config, int hidden) {
        ConfigFields.refuse(config, "use_bidirectional_attention", false);
        return new Scales(Math.sqrt(hidden), 1, 1, cap(config, "final_logit_softcapping", 0));
    }

    /** A cap on scores, which the configuration has from Gemma 2, changes nothing in transformers. */
    @Override
    protected Attention attention(JsonFields config, Attention plain) {
        return plain.withScores(scoreScale(config, plain), 0);
    }

    @Override
    protected List<Integer> windows(JsonFields config, int layers) {
        int period = config.integer("sliding_window_pattern", 1, MOST, 6);
        return Sliding.windows(config, Sliding.layers(config, layers, Sliding.butEvery(period)), 4096);
    }

    @Override
    protected List<Attention> attentions(JsonFields config, Attention all, int layers, int contextLength) {
        Rope local = RopeConfig.read(config, "sliding_attention", "rope_local_base_freq", false, all.headDim(), contextLength, LOCAL_THETA);
        return withLocalTurn(super.attentions(config, all, layers, contextLength), local);
    }

    private static List<Attention> withLocalTurn(List<Attention> attentions, Rope local) {
        return attentions.stream().map(attention -> attention.window() > 0 ? attention.withTurn(new Turn.Own(local)) : attention).toList();
    }

    // ---- GGUF: keys of llama.cpp's LLM_KV_NAMES; src/models/gemma3.cpp, conversion/gemma.py ---------------------------------------------------

    @Override
    public Set<String> understood() {
        return Set.of("final_logit_softcapping");
    }

    @Override
    protected int layersOfLargest() {
        return 62;
    }

    @Override
    public boolean runsInLlamaCpp(DecoderSpec spec) {
        return isLikeGemma2(spec);
    }

    @Override
    protected List<Attention> attentions(GgufKeys keys, Attention plain) {
        Attention all = plain.withScores(scoreScale(keys), 0);
        Rope local = new Rope(keys.positive("rope.freq_base_swa", LOCAL_THETA), keys.rope().rotaryDims(), new Scaling.None());
        return withLocalTurn(Sliding.windows(keys, 6, 0).stream().map(all::withWindow).toList(), local);
    }

    @Override
    protected void writeAttentions(DecoderSpec spec, String at, Map<String, GgufValue> metadata) {
        Sliding.write(spec, at, 6, metadata);
        writeScoreScale(spec, at, metadata);
        spec.stack().layers().stream().map(layer -> layer.attention().turn()).filter(Turn.Own.class::isInstance).findFirst()
                .ifPresent(turn -> metadata.put(at + "rope.freq_base_swa", GgufValue.of((float) ((Turn.Own) turn).rope().theta())));
    }

    @Override
    protected Scales scales(GgufKeys keys) {
        return new Scales(Math.sqrt(keys.shape().hidden()), 1, 1, keys.positive("final_logit_softcapping", 0));
    }
}
