package dev.zhulong.formats.family;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.gguf.GgufMetadata;
import java.util.List;

/** Ministral 8B (Mistral AI 2024): Mistral with windows in some layers. */
public final class Ministral extends RotaryDecoder {
    private static final Mistral MISTRAL = new Mistral();

    @Override
    public String modelType() {
        return "ministral";
    }

    @Override
    public List<String> architectures() {
        return List.of("MinistralForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "llama";
    }

    /** llama.cpp has no architecture with its windows. */
    @Override
    public boolean claims(GgufMetadata metadata) {
        return false;
    }

    @Override
    protected Defaults defaults() {
        return MISTRAL.defaults();
    }

    @Override
    protected Biases attentionBias(JsonFields config) {
        return MISTRAL.attentionBias(config);
    }

    @Override
    protected void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        MISTRAL.writeAttentionBias(spec, config);
    }

    @Override
    protected List<Integer> windows(JsonFields config, int layers) {
        boolean windows = !config.has("sliding_window") || config.isSet("sliding_window");
        return Sliding.windows(config, Sliding.layers(config, layers, layer -> windows), 4096);
    }

    @Override
    protected void writeWindows(DecoderSpec spec, Integer window, ObjectNode config) {
        Sliding.write(spec, window, config);
    }
}
