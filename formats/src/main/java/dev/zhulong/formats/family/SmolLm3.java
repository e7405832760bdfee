package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Turn;
import dev.zhulong.formats.gguf.GgufKeys;
import dev.zhulong.formats.gguf.GgufValue;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** SmolLM 3 (Bakouch et al. 2025): Llama, but every fourth layer does not turn queries and keys. */
public final class SmolLm3 extends RotaryDecoder {
    private static final Llama LLAMA = new Llama();
    private static final int INTERVAL = 4;
    /** Our own key: 1 for each layer that turns. */
    private static final String TURNS = "rope.turning_layers";

    @Override
    public String modelType() {
        return "smollm3";
    }

    @Override
    public List<String> architectures() {
        return List.of("SmolLM3ForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "smollm3";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(4, -1, 32_768, 128_000, 128_001, 2e6, 1e-6, true);
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
    protected boolean mayHaveMlpBias() {
        return true;
    }

    /** Whether each layer turns: {@code no_rope_layers} has a 1 for those that do, despite its name. */
    private static List<Boolean> turns(JsonFields config, int layers) {
        var turns = new ArrayList<Boolean>();
        JsonNode stated = config.node("no_rope_layers");
        if (config.isSet("no_rope_layers") && (!stated.isArray() || stated.size() < layers)) {
            throw config.wrong("no_rope_layers", "a list of " + layers + " (one a layer)", stated);
        }
        int interval = config.integer("no_rope_layer_interval", 1, MOST, INTERVAL);
        for (int layer = 0; layer < layers; layer++) {
            JsonNode one = stated.path(layer);
            if (!one.isMissingNode() && !(one.isInt() && (one.intValue() == 0 || one.intValue() == 1))) {
                throw config.wrong("no_rope_layers", "a list of 0 and 1", stated);
            }
            turns.add(one.isMissingNode() ? (layer + 1) % interval != 0 : one.intValue() == 1);
        }
        return turns;
    }

    @Override
    protected List<Integer> windows(JsonFields config, int layers) {
        int window = config.flag("use_sliding_window", false) ? config.integer("sliding_window", 1, MOST, 0) : 0;
        List<Boolean> turns = turns(config, layers);
        List<Boolean> sliding = Sliding.layers(config, layers, layer -> window > 0 && !turns.get(layer));
        if (window == 0 && sliding.contains(true)) {
            throw config.wrong("layer_types", "use_sliding_window true and a sliding_window for sliding_attention", "none");
        }
        return sliding.stream().map(slides -> slides ? window : 0).toList();
    }

    @Override
    protected void writeWindows(DecoderSpec spec, Integer window, ObjectNode config) {
        config.put("use_sliding_window", window != null);
        Sliding.write(spec, window, config);
    }

    @Override
    protected List<Attention> attentions(JsonFields config, Attention all, int layers, int contextLength) {
        return withTurns(super.attentions(config, all, layers, contextLength), turns(config, layers));
    }

    private static List<Attention> withTurns(List<Attention> attentions, List<Boolean> turns) {
        var each = new ArrayList<Attention>();
        for (int layer = 0; layer < attentions.size(); layer++) {
            each.add(turns.get(layer) ? attentions.get(layer) : attentions.get(layer).withTurn(new Turn.None()));
        }
        return each;
    }

    @Override
    protected void writeAttention(DecoderSpec spec, ObjectNode config) {
        // the default lies beyond small vocabularies
        config.putNull("pad_token_id");
        config.put("no_rope_layer_interval", INTERVAL);
        var turns = config.putArray("no_rope_layers");
        for (int layer = 0; layer < spec.layers(); layer++) {
            turns.add(spec.stack().rope(layer) == null ? 0 : 1);
        }
    }

    // ---- GGUF: llama.cpp's src/models/smollm3.cpp; its converter is Llama's -------------------------------------------------------------------

    @Override
    protected boolean interleaved() {
        return true;
    }

    /** llama.cpp has no key for the layers that do not turn, which are every fourth there, and no windows. */
    @Override
    public boolean runsInLlamaCpp(DecoderSpec spec) {
        return usual(spec.layers()).equals(turns(spec)) && spec.windows().stream().allMatch(window -> window == 0);
    }

    private static List<Boolean> usual(int layers) {
        return IntStream.range(0, layers).mapToObj(layer -> (layer + 1) % INTERVAL != 0).toList();
    }

    private static List<Boolean> turns(DecoderSpec spec) {
        return IntStream.range(0, spec.layers()).mapToObj(layer -> spec.stack().rope(layer) != null).toList();
    }

    @Override
    protected List<Attention> attentions(GgufKeys keys, Attention plain) {
        int layers = keys.shape().layers();
        List<Boolean> turns = usual(layers);
        if (keys.has(TURNS)) {
            long[] stated = keys.metadata().wholes(keys.at() + TURNS, layers);
            turns = IntStream.range(0, layers).mapToObj(layer -> stated[layer] != 0).toList();
        }
        return withTurns(Sliding.windows(keys, 0, 0).stream().map(plain::withWindow).toList(), turns);
    }

    @Override
    protected void writeAttentions(DecoderSpec spec, String at, Map<String, GgufValue> metadata) {
        Sliding.write(spec, at, 0, metadata);
        if (!turns(spec).equals(usual(spec.layers()))) {
            metadata.put(at + TURNS, GgufValue.of(turns(spec).stream().mapToInt(turns -> turns ? 1 : 0).toArray()));
        }
    }
}
