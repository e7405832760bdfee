package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;
import static dev.zhulong.formats.family.ConfigFields.require;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.JsonFields;
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
        int full = config.isSet("layer_types") ? 0 : config.integer("max_window_layers", 0, MOST, 28);
        List<Boolean> sliding = Sliding.layers(config, layers, layer -> window > 0 && layer >= full);
        if (window == 0 && sliding.contains(true)) {
            throw config.wrong("layer_types", "use_sliding_window true and a sliding_window for sliding_attention", "none");
        }
        return sliding.stream().map(slides -> slides ? window : 0).toList();
    }

    @Override
    protected final void writeWindows(DecoderSpec spec, Integer window, ObjectNode config) {
        config.put("use_sliding_window", window != null);
        Sliding.write(spec, window, config);
        int full = 0;
        while (full < spec.layers() && spec.windows().get(full) == 0) {
            full++;
        }
        config.put("max_window_layers", full);
    }

    @Override
    protected void requireBiasesInGguf(DecoderSpec spec) {
        requireInGguf("qkvBias", true, spec.qkvBias());
        requireInGguf("outputBias", false, spec.outputBias());
        requireInGguf("mlpBias", false, spec.mlpBias());
    }
}
