package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;
import static dev.zhulong.formats.family.ConfigFields.require;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.HeadNorm;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.formats.Stack.Turn;
import dev.zhulong.formats.gguf.GgufKeys;
import dev.zhulong.formats.gguf.GgufValue;
import java.util.List;
import java.util.Map;
import java.util.function.IntPredicate;

/** EXAONE 4 (LG AI Research 2025): norms as in OLMo 2 with Qwen3's of queries and keys; beside layers with windows, those without turn nothing. */
public final class Exaone4 extends RotaryDecoder {
    @Override
    public String modelType() {
        return "exaone4";
    }

    @Override
    public List<String> architectures() {
        return List.of("Exaone4ForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "exaone4";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(32, -1, 2048, 0, 2, 10_000, 1e-5, false);
    }

    @Override
    protected NormPlace place() {
        return NormPlace.RESULT;
    }

    @Override
    protected HeadNorm headNorm() {
        return HeadNorm.HEAD;
    }

    @Override
    protected Biases attentionBias(JsonFields config) {
        return new Biases(false, false);
    }

    @Override
    protected void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        require(spec, !spec.qkvBias(), "qkvBias", false, true);
        require(spec, !spec.outputBias(), "outputBias", false, true);
    }

    /** A null {@code sliding_window} says that all layers see and turn everything. */
    private static boolean hybrid(JsonFields config) {
        return !config.has("sliding_window") || config.isSet("sliding_window");
    }

    @Override
    protected List<Integer> windows(JsonFields config, int layers) {
        return Sliding.windows(config, Sliding.layers(config, layers, hybrid(config) ? pattern(config) : layer -> false), 4096);
    }

    /** {@code sliding_window_pattern}: all but every n-th layer, or letters such as LLLG. */
    private static IntPredicate pattern(JsonFields config) {
        JsonNode pattern = config.node("sliding_window_pattern");
        if (!pattern.isTextual()) {
            return Sliding.butEvery(config.integer("sliding_window_pattern", 1, MOST, 4));
        }
        String letters = pattern.textValue();
        if (!letters.matches("[LG]+")) {
            throw config.wrong("sliding_window_pattern", "a number, or letters L and G", pattern);
        }
        return layer -> letters.charAt(layer % letters.length()) == 'L';
    }

    @Override
    protected void writeWindows(DecoderSpec spec, Integer window, ObjectNode config) {
        Sliding.write(spec, window, config);
        if (window == null && spec.stack().rope(0) == null) {
            // any window says that layers without one turn nothing
            config.put("sliding_window", 4096);
        }
    }

    @Override
    protected List<Attention> attentions(JsonFields config, Attention all, int layers, int contextLength) {
        return withTurns(windows(config, layers), all, hybrid(config));
    }

    private static List<Attention> withTurns(List<Integer> windows, Attention all, boolean hybrid) {
        return windows.stream().map(window -> window > 0 || !hybrid ? all.withWindow(window) : all.withTurn(new Turn.None())).toList();
    }

    // ---- GGUF: keys of llama.cpp's LLM_KV_NAMES; src/models/exaone4.cpp, conversion/exaone.py --------------------------------------------------

    @Override
    protected List<Attention> attentions(GgufKeys keys, Attention plain) {
        return withTurns(Sliding.windows(keys, 4, 0), plain, keys.has("attention.sliding_window"));
    }

    @Override
    protected void writeAttentions(DecoderSpec spec, String at, Map<String, GgufValue> metadata) {
        Sliding.write(spec, at, 4, metadata);
    }

    /** It takes the model of 64 layers for the one with windows. */
    @Override
    public boolean runsInLlamaCpp(DecoderSpec spec) {
        boolean windows = spec.windows().stream().anyMatch(window -> window > 0);
        return spec.headDim() * spec.heads() == spec.hiddenSize() && windows == (spec.layers() == 64) && Sliding.period(spec).isPresent();
    }
}
