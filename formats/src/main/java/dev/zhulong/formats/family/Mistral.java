package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;
import static dev.zhulong.formats.family.ConfigFields.require;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.gguf.GgufMetadata;
import java.util.Collections;
import java.util.List;

/** Mistral (Jiang et al. 2023): Llama with a sliding window. */
public sealed class Mistral extends RotaryDecoder permits Mixtral {
    @Override
    public String modelType() {
        return "mistral";
    }

    @Override
    public List<String> architectures() {
        return List.of("MistralForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "llama";
    }

    /** A llama with windows is a Mistral: the only one of the architecture that has them. */
    @Override
    public boolean claims(GgufMetadata metadata) {
        return metadata.integer("llama.attention.sliding_window", 0, MOST, 0) > 0;
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(8, -1, 131_072, 1, 2);
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

    @Override
    protected List<Integer> windows(JsonFields config, int layers) {
        return Collections.nCopies(layers, config.has("sliding_window") ? config.integer("sliding_window", 1, MOST, 0) : 4096);
    }

    @Override
    protected void writeWindows(DecoderSpec spec, Integer window, ObjectNode config) {
        require(spec, window == null || !spec.windows().contains(0), "windows", "one size for all layers", spec.windows());
        config.put("sliding_window", window);
    }
}
