package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Stack.HeadNorm;
import dev.zhulong.formats.Stack.Mlp.Routing;
import dev.zhulong.formats.gguf.GgufKeys;
import java.util.List;

/** dots.llm1 (rednote-hilab 2025): Qwen3's attention with DeepSeek-V3's experts. */
public final class Dots1 extends GroupedExperts {
    private static final Routing ABSENT = sigmoid(128, false, 1, 1, 1);
    private static final Llama LLAMA = new Llama();

    @Override
    public String modelType() {
        return "dots1";
    }

    @Override
    public List<String> architectures() {
        return List.of("Dots1ForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "dots1";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(32, -1, 2048, -1, -1);
    }

    @Override
    protected int absentWidth() {
        return 10_944;
    }

    @Override
    protected Absent absent() {
        return new Absent(0, 128, 2, 6, 1408);
    }

    @Override
    protected Biases attentionBias(JsonFields config) {
        return LLAMA.attentionBias(config);
    }

    @Override
    protected void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        LLAMA.writeAttentionBias(spec, config);
    }

    @Override
    protected HeadNorm headNorm() {
        return HeadNorm.HEAD;
    }

    /** Layers from {@code max_window_layers} on slide, unless {@code layer_types} says which do. */
    @Override
    protected List<Integer> windows(JsonFields config, int layers) {
        int window = config.has("sliding_window") ? config.integer("sliding_window", 0, MOST, 0) : 4096;
        int full = config.integer("max_window_layers", 0, MOST, 62);
        return Sliding.windows(config, Sliding.layers(config, layers, layer -> window > 0 && layer >= full), 4096);
    }

    @Override
    protected void writeWindows(DecoderSpec spec, Integer window, ObjectNode config) {
        Sliding.write(spec, window, config);
    }

    @Override
    protected Routing routing(JsonFields config, int experts) {
        return sigmoid(config, experts, ABSENT);
    }

    @Override
    protected void writeRouting(Routing routing, ObjectNode config) {
        writeSigmoid(routing, config);
    }

    // ---- GGUF: llama.cpp's src/models/dots1.cpp, conversion/dots1.py ----------------------------------------------------------------------------

    @Override
    protected boolean hasWindowInGguf() {
        return false;
    }

    /** llama.cpp wants a head of its own. */
    @Override
    public boolean repeatsTiedHead() {
        return true;
    }

    @Override
    protected Routing routing(GgufKeys keys, int experts) {
        return sigmoid(keys, experts);
    }

    /** It has no groups of experts there, and no biases. */
    @Override
    public boolean runsInLlamaCpp(DecoderSpec spec) {
        return spec.stack().experts().filter(mixture -> mixture.routing().groups() > 1).isEmpty() && !spec.qkvBias() && !spec.outputBias();
    }
}
