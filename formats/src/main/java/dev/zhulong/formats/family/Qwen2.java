package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;
import static dev.zhulong.formats.family.ConfigFields.require;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.JsonFields;
import java.util.ArrayList;
import java.util.List;

/** Qwen2 and Qwen2.5 (Yang et al. 2024): Llama with a bias on query, key and value, and windows in some layers. */
public class Qwen2 extends RotaryDecoder {
    @Override
    public String modelType() {
        return "qwen2";
    }

    @Override
    public List<String> architectures() {
        return List.of("Qwen2ForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "qwen2";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(32, -1, 32_768, -1, -1);
    }

    @Override
    protected Biases attentionBias(JsonFields config) {
        return new Biases(true, false);
    }

    @Override
    protected void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        require(spec, spec.qkvBias(), "qkvBias", true, false);
        require(spec, !spec.outputBias(), "outputBias", false, true);
    }

    /** Layers from {@code max_window_layers} on slide, unless {@code layer_types} (since 4.53) says which do. */
    @Override
    protected final List<Integer> windows(JsonFields config, int layers) {
        int stated = config.has("sliding_window") ? config.integer("sliding_window", 1, MOST, 0) : 4096;
        int window = config.flag("use_sliding_window", false) ? stated : 0;
        var windows = new ArrayList<Integer>();
        if (!config.isSet("layer_types")) {
            int full = config.integer("max_window_layers", 0, MOST, 28);
            for (int layer = 0; layer < layers; layer++) {
                windows.add(layer >= full ? window : 0);
            }
            return windows;
        }
        var types = config.node("layer_types");
        if (!types.isArray() || types.size() != layers) {
            throw config.wrong("layer_types", "a list of " + layers + " (one a layer)", types);
        }
        for (var type : types) {
            switch (type.asText()) {
                case "full_attention" -> windows.add(0);
                case "sliding_attention" -> {
                    if (window == 0) {
                        throw config.wrong("layer_types", "use_sliding_window true and a sliding_window for sliding_attention", "none");
                    }
                    windows.add(window);
                }
                default -> throw config.wrong("layer_types", "full_attention or sliding_attention", type);
            }
        }
        return windows;
    }

    @Override
    protected final void writeWindows(DecoderSpec spec, Integer window, ObjectNode config) {
        config.put("use_sliding_window", window != null);
        config.put("sliding_window", window);
        int full = 0;
        while (full < spec.layers() && spec.windows().get(full) == 0) {
            full++;
        }
        config.put("max_window_layers", full);
        var types = config.putArray("layer_types");
        spec.windows().forEach(size -> types.add(size == 0 ? "full_attention" : "sliding_attention"));
    }

    @Override
    protected void requireBiasesInGguf(DecoderSpec spec) {
        requireInGguf("qkvBias", true, spec.qkvBias());
        requireInGguf("outputBias", false, spec.outputBias());
        requireInGguf("mlpBias", false, spec.mlpBias());
    }
}
