package dev.zhulong.formats.family;

import static dev.zhulong.formats.family.ConfigFields.MOST;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Parameter.Init;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.RopeConfig;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.gguf.GgufValue;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Phi-3, 3.5 and 4 (Abdin et al. 2024): Llama with one matrix for queries, keys and values and one for gate and way up, a window in some, LongRoPE in those
 * with long contexts.
 */
public final class Phi3 extends RotaryDecoder {
    private static final String ORIGINAL = "original_max_position_embeddings";
    private static final int ORIGINAL_CONTEXT = 4096;
    /** What older files call LongRoPE. */
    private static final Set<String> LONG_ROPE = Set.of("su", "yarn");

    @Override
    public String modelType() {
        return "phi3";
    }

    @Override
    public List<String> architectures() {
        return List.of("Phi3ForCausalLM");
    }

    @Override
    public String ggufArchitecture() {
        return "phi3";
    }

    @Override
    protected Defaults defaults() {
        return new Defaults(-1, -1, 4096, 1, 32_000, 10_000, 1e-5, false);
    }

    @Override
    protected Biases attentionBias(JsonFields config) {
        return new Biases(false, false);
    }

    @Override
    protected void writeAttentionBias(DecoderSpec spec, ObjectNode config) {
        ConfigFields.require(spec, !spec.qkvBias() && !spec.outputBias(), "biases of the attention", "none", "some");
    }

    /** The original context stands outside of the other rotary fields, and is what it is where it is not said. */
    @Override
    protected Rope rope(JsonFields config, int headDim, int contextLength) {
        ObjectNode ours = config.object().deepCopy();
        for (String field : new String[] {"rope_scaling", "rope_parameters"}) {
            if (ours.get(field) instanceof ObjectNode fields && !fields.isEmpty()) {
                for (String type : new String[] {"rope_type", "type"}) {
                    if (LONG_ROPE.contains(fields.path(type).asText())) {
                        fields.put(type, "longrope");
                    }
                }
                String name = fields.path("rope_type").asText(fields.path("type").asText("default"));
                if (!name.equals("longrope") && !name.equals("default")) {
                    throw config.wrong(field, "longrope or default, as all Phi-3 models have it", name);
                }
                JsonNode original = config.node(ORIGINAL);
                fields.put(ORIGINAL, original.isMissingNode() || original.isNull() ? ORIGINAL_CONTEXT : config.integer(ORIGINAL, 1, MOST));
            }
        }
        return RopeConfig.read(new JsonFields(config.file(), config.prefix(), ours), headDim, contextLength);
    }

    @Override
    protected void writeRope(DecoderSpec spec, ObjectNode config) {
        super.writeRope(spec, config);
        if (spec.rope().scaling() instanceof Scaling.LongRope longRope) {
            config.put(ORIGINAL, longRope.originalContext());
            ObjectNode fields = (ObjectNode) config.get("rope_scaling");
            // version 4 takes no more than three fields
            fields.remove(ORIGINAL);
            fields.set("type", fields.remove("rope_type"));
            if (longRope.attentionFactor() == RopeConfig.longRopeAttention((double) spec.contextLength() / longRope.originalContext(), longRope.originalContext())) {
                fields.remove("attention_factor");
            }
        }
    }

    @Override
    protected List<Integer> windows(JsonFields config, int layers) {
        return Collections.nCopies(layers, config.integer("sliding_window", 1, MOST, 0));
    }

    @Override
    protected void writeWindows(DecoderSpec spec, Integer window, ObjectNode config) {
        config.put("sliding_window", window);
    }

    @Override
    protected void attentionParameters(ParameterList list, DecoderSpec spec, Attention a, String at, String gguf) {
        long hidden = spec.hiddenSize();
        list.projection(Role.QKV, at + "self_attn.qkv_proj", gguf + "attn_qkv", Init.NORMAL, Layout.SAME, a.width() + 2L * a.kvWidth(), hidden, false);
        list.projection(Role.OUT, at + "self_attn.o_proj", gguf + "attn_output", Init.RESIDUAL, Layout.SAME, hidden, a.width(), false);
    }

    @Override
    protected void mlpParameters(ParameterList list, DecoderSpec spec, Mlp mlp, String at, String gguf) {
        fused(list, spec, mlp, at + "mlp.gate_up_proj", at + "mlp.down_proj", gguf);
    }

    /** An MLP whose gate and way up are one matrix, which GGUF calls the way up. */
    static void fused(ParameterList list, DecoderSpec spec, Mlp mlp, String gateUp, String down, String gguf) {
        list.projection(Role.GATE_UP, gateUp, gguf + "ffn_up", Init.NORMAL, Layout.SAME, 2L * mlp.width(), spec.hiddenSize(), false);
        list.projection(Role.DOWN, down, gguf + "ffn_down", Init.RESIDUAL, Layout.SAME, spec.hiddenSize(), mlp.width(), false);
    }

    /** A file without a window says so: llama.cpp takes silence for the window of the first models. */
    @Override
    protected void writeAttentions(DecoderSpec spec, String at, Map<String, GgufValue> metadata) {
        super.writeAttentions(spec, at, metadata);
        metadata.putIfAbsent(at + "attention.sliding_window", GgufValue.of(0));
    }
}
