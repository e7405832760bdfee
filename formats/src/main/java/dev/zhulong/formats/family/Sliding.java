package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.gguf.GgufFamily;
import dev.zhulong.formats.gguf.GgufKeys;
import dev.zhulong.formats.gguf.GgufValue;
import dev.zhulong.formats.gguf.GgufValue.Numbers;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/** Which layers of a decoder see a window alone, where the others see everything. */
final class Sliding {
    private static final String PATTERN = "attention.sliding_window_pattern";

    private Sliding() {}

    /** By {@code layer_types} in {@code config.json}. @param absent whether a layer slides where there are none */
    static List<Boolean> layers(JsonFields config, int layers, IntPredicate absent) {
        if (!config.isSet("layer_types")) {
            return layers(layers, absent);
        }
        var sliding = new ArrayList<Boolean>();
        JsonNode types = config.node("layer_types");
        if (!types.isArray() || types.size() != layers) {
            throw config.wrong("layer_types", "a list of " + layers + " (one a layer)", types);
        }
        for (JsonNode type : types) {
            switch (type.asText()) {
                case "full_attention" -> sliding.add(false);
                case "sliding_attention" -> sliding.add(true);
                default -> throw config.wrong("layer_types", "full_attention or sliding_attention", type);
            }
        }
        return sliding;
    }

    private static List<Boolean> layers(int layers, IntPredicate slides) {
        return IntStream.range(0, layers).mapToObj(slides::test).toList();
    }

    /** All but the last of every {@code period} layers; all for 0. */
    static IntPredicate butEvery(int period) {
        return layer -> period == 0 || layer % period < period - 1;
    }

    /** The windows of layers that slide by {@code sliding_window}. */
    static List<Integer> windows(JsonFields config, List<Boolean> sliding, int absent) {
        int window = config.has("sliding_window") ? config.integer("sliding_window", 1, MOST, 0) : absent;
        if (window == 0 && sliding.contains(true)) {
            throw config.wrong("sliding_window", "a window for the layers of sliding_attention", config.node("sliding_window"));
        }
        return sliding.stream().map(slides -> slides ? window : 0).toList();
    }

    /** Puts {@code sliding_window} and {@code layer_types}. @param window null where no layer has one */
    static void write(DecoderSpec spec, Integer window, ObjectNode config) {
        config.put("sliding_window", window);
        var types = config.putArray("layer_types");
        spec.windows().forEach(size -> types.add(size == 0 ? "full_attention" : "sliding_attention"));
    }

    // ---- GGUF: llama.cpp's LLM_KV_ATTENTION_SLIDING_WINDOW and LLM_KV_ATTENTION_SLIDING_WINDOW_PATTERN ---------------------------------------

    /** The windows of layers. @param absent the period where the file names none @param absentWindow the window where it names none */
    static List<Integer> windows(GgufKeys keys, int absent, int absentWindow) {
        int window = keys.integer("attention.sliding_window", 0, MOST, absentWindow);
        List<Boolean> sliding;
        if (keys.metadata().values().get(keys.at() + PATTERN) instanceof Numbers) {
            long[] each = keys.metadata().wholes(keys.at() + PATTERN, keys.shape().layers());
            sliding = layers(each.length, layer -> each[layer] != 0);
        } else {
            sliding = layers(keys.shape().layers(), butEvery(keys.integer(PATTERN, 0, MOST, absent)));
        }
        return sliding.stream().map(slides -> slides ? window : 0).toList();
    }

    /** The n where all layers but every n-th slide, 0 where all do. */
    static OptionalInt period(DecoderSpec spec) {
        List<Boolean> sliding = spec.windows().stream().map(size -> size > 0).toList();
        return IntStream.rangeClosed(0, sliding.size()).filter(every -> sliding.equals(layers(sliding.size(), butEvery(every)))).findFirst();
    }

    /** Puts the keys that {@link #windows(GgufKeys, int, int)} reads. */
    static void write(DecoderSpec spec, String at, int absent, Map<String, GgufValue> metadata) {
        List<Integer> sizes = spec.windows().stream().filter(size -> size > 0).distinct().toList();
        if (sizes.isEmpty()) {
            return;
        }
        GgufFamily.require(at.substring(0, at.length() - 1), "windows", 1, sizes.size());
        metadata.put(at + "attention.sliding_window", GgufValue.of(sizes.getFirst()));
        List<Boolean> sliding = spec.windows().stream().map(size -> size > 0).toList();
        if (sliding.equals(layers(sliding.size(), butEvery(absent)))) {
            return;
        }
        OptionalInt period = period(spec);
        metadata.put(at + PATTERN, period.isPresent() ? GgufValue.of(period.getAsInt()) : GgufValue.of(sliding.stream().mapToInt(slides -> slides ? 1 : 0).toArray()));
    }
}
