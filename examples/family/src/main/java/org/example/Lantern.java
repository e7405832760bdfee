package org.example;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.family.RotaryDecoder;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * An invented architecture: Llama under other names, in which every second layer sees only what is near ({@code near} tokens in {@code
 * config.json}, its own position included; 0 or absent: everything).
 */
public final class Lantern extends RotaryDecoder {

    @Override
    public String modelType() {
        return "lantern";
    }

    @Override
    public List<String> architectures() {
        return List.of("LanternForCausalLM");
    }

    /** An architecture of its own in GGUF too: files of Llama are not taken for Lanterns. */
    @Override
    public String ggufArchitecture() {
        return "lantern";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(-1, -1, 2048, -1, -1);
    }

    @Override
    protected Biases attentionBias(JsonFields config) {
        return new Biases(false, false);
    }

    @Override
    protected void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        if (spec.qkvBias() || spec.outputBias()) {
            throw new IllegalArgumentException("a Lantern has no biases in its attention");
        }
    }

    @Override
    protected List<Integer> windows(JsonFields config, int layers) {
        return windows(config.integer("near", 0, Integer.MAX_VALUE, 0), layers);
    }

    @Override
    protected void writeWindows(DecoderSpec spec, Integer window, ObjectNode config) {
        int near = window == null ? 0 : window;
        if (!spec.windows().equals(windows(near, spec.layers()))) {
            throw new IllegalArgumentException("a Lantern sees only what is near in every second layer, found windows " + spec.windows());
        }
        config.put("near", near);
    }

    private static List<Integer> windows(int near, int layers) {
        return IntStream.range(0, layers).mapToObj(layer -> layer % 2 == 1 ? near : 0).toList();
    }

    /** What each weight is for, its shape, its start and its layout are Llama's. */
    @Override
    public List<Parameter> parameters(NetworkSpec spec) {
        List<Parameter> all = new ArrayList<>();
        for (Parameter p : super.parameters(spec)) {
            all.add(new Parameter(name(p.name()), p.role(), p.bias(), p.layer(), p.expert(), p.shape(), p.init(), p.decays(), p.layout(), p.gguf()));
        }
        return all;
    }

    /** A Llama's name in a Lantern: {@code model.layers.3.self_attn.q_proj.weight} is {@code panes.3.sight.q.weight}. */
    static String name(String llama) {
        return llama.replace("model.embed_tokens", "wick").replace("model.norm", "glass").replace("lm_head", "glow").replace("model.layers", "panes")
                .replace("self_attn", "sight").replace("mlp", "oil").replace("input_layernorm", "before_sight")
                .replace("post_attention_layernorm", "before_oil").replace("_proj", "");
    }
}
