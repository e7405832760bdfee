package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.RopeConfig;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Turn;
import dev.zhulong.formats.gguf.GgufKeys;
import dev.zhulong.formats.gguf.GgufMetadata;
import dev.zhulong.formats.gguf.GgufValue;
import java.util.List;
import java.util.Map;

/** OLMo 3 (Ai2 2025): OLMo 2 with a window in three layers of four, whose angles are not stretched with those of the fourth. */
public final class Olmo3 extends Olmo2 {
    @Override
    public String modelType() {
        return "olmo3";
    }

    @Override
    public List<String> architectures() {
        return List.of("Olmo3ForCausalLM");
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(-1, -1, 2048, -1, 50_279, 500_000, 1e-5, false);
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
                .findFirst().orElse(unscaled(spec.rope()));
        RopeConfig.write(config, "sliding_attention", local, spec.headDim(), spec.contextLength());
    }

    private static Rope unscaled(Rope rope) {
        return new Rope(rope.theta(), rope.rotaryDims(), new Scaling.None());
    }

    @Override
    protected List<Integer> windows(JsonFields config, int layers) {
        return Sliding.windows(config, Sliding.layers(config, layers, Sliding.butEvery(4)), 4096);
    }

    @Override
    protected void writeWindows(DecoderSpec spec, Integer window, ObjectNode config) {
        Sliding.write(spec, window, config);
    }

    @Override
    protected List<Attention> attentions(JsonFields config, Attention all, int layers, int contextLength) {
        Rope local = RopeConfig.read(config, "sliding_attention", "rope_theta", false, all.headDim(), contextLength, defaults().theta());
        return withLocalTurn(super.attentions(config, all, layers, contextLength), local);
    }

    private static List<Attention> withLocalTurn(List<Attention> attentions, Rope local) {
        return attentions.stream().map(attention -> attention.window() > 0 ? attention.withTurn(new Turn.Own(local)) : attention).toList();
    }

    // ---- GGUF: llama.cpp's src/models/olmo2.cpp, conversion/olmo.py ---------------------------------------------------------------------------

    /** An OLMo 2 with windows. */
    @Override
    public boolean claims(GgufMetadata metadata) {
        return metadata.integer(metadata.architecture() + ".attention.sliding_window", 0, MOST, 0) > 0;
    }

    @Override
    public boolean runsInLlamaCpp(DecoderSpec spec) {
        return super.runsInLlamaCpp(spec) && Sliding.period(spec).isPresent();
    }

    @Override
    protected List<Attention> attentions(GgufKeys keys, Attention plain) {
        return withLocalTurn(Sliding.windows(keys, 4, 0).stream().map(plain::withWindow).toList(), unscaled(keys.rope()));
    }

    @Override
    protected void writeAttentions(DecoderSpec spec, String at, Map<String, GgufValue> metadata) {
        Sliding.write(spec, at, 4, metadata);
    }
}
