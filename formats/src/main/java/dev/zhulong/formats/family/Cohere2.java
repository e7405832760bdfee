package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Turn;
import dev.zhulong.formats.gguf.GgufKeys;
import dev.zhulong.formats.gguf.GgufValue;
import java.util.List;
import java.util.Map;

/** Command R7B and A (Cohere 2024): Command R with a window in three layers of four; the fourth sees everything and turns nothing. */
public final class Cohere2 extends Cohere {
    @Override
    public String modelType() {
        return "cohere2";
    }

    @Override
    public List<String> architectures() {
        return List.of("Cohere2ForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "cohere2";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(-1, -1, 8192, 5, 255_001, 10_000, 1e-5, true);
    }

    @Override
    protected Attention attention(JsonFields config, Attention plain) {
        return plain;
    }

    @Override
    protected void writeAttention(DecoderSpec spec, ObjectNode config) {}

    @Override
    protected List<Integer> windows(JsonFields config, int layers) {
        int period = config.integer("sliding_window_pattern", 1, MOST, 4);
        return Sliding.windows(config, Sliding.layers(config, layers, Sliding.butEvery(period)), 4096);
    }

    @Override
    protected void writeWindows(DecoderSpec spec, Integer window, ObjectNode config) {
        Sliding.write(spec, window, config);
    }

    @Override
    protected List<Attention> attentions(JsonFields config, Attention all, int layers, int contextLength) {
        return withTurns(windows(config, layers), all);
    }

    private static List<Attention> withTurns(List<Integer> windows, Attention all) {
        return windows.stream().map(window -> window > 0 ? all.withWindow(window) : all.withTurn(new Turn.None())).toList();
    }

    // ---- GGUF: keys of llama.cpp's LLM_KV_NAMES; src/models/cohere2.cpp, conversion/command_r.py -----------------------------------------------

    @Override
    public boolean runsInLlamaCpp(DecoderSpec spec) {
        return super.runsInLlamaCpp(spec) && Sliding.period(spec).isPresent() && spec.windows().stream().anyMatch(window -> window > 0);
    }

    @Override
    protected List<Attention> attentions(GgufKeys keys, Attention plain) {
        return withTurns(Sliding.windows(keys, 4, 0), plain);
    }

    @Override
    protected void writeAttentions(DecoderSpec spec, String at, Map<String, GgufValue> metadata) {
        Sliding.write(spec, at, 4, metadata);
    }
}
