package dev.zhulong.formats;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Family;
import dev.zhulong.formats.DecoderSpec.Norm;
import java.util.List;

/**
 * Writes a {@link DecoderSpec} as the {@code config.json} of version 4 of transformers, which version 5 reads as well.
 *
 * <p>A spec that its family's configuration cannot say (a Llama with windows, a Qwen2 without bias) is refused: written silently,
 * it would give other logits elsewhere.
 */
final class HfConfigText {

    private HfConfigText() {}

    /**
     * The text of a {@code config.json}.
     *
     * @param storageType the type the weights are saved in
     * @throws IllegalArgumentException when the family's configuration cannot express the spec
     */
    static String write(DecoderSpec spec, StorageType storageType) {
        ObjectNode config = JsonNodeFactory.instance.objectNode();
        config.putArray("architectures").add(HfConfig.architecture(spec.family()));
        config.put("model_type", HfConfig.typeName(spec.family()));
        if (spec.family() == Family.GPT2) {
            gpt2(config, spec);
        } else {
            rotary(config, spec);
        }
        config.put("tie_word_embeddings", spec.tiedEmbeddings());
        config.put("use_cache", true);
        putIds(config, "bos_token_id", spec.bosId() < 0 ? List.of() : List.of(spec.bosId()));
        putIds(config, "eos_token_id", spec.eosIds());
        config.put("torch_dtype", storageType.torchName());
        return JsonFields.text(config);
    }

    private static void rotary(ObjectNode config, DecoderSpec spec) {
        Family family = spec.family();
        require(spec, spec.norm() == Norm.RMS, "norm", "RMS", spec.norm());
        require(spec, spec.gatedMlp(), "gatedMlp", true, false);
        require(spec, spec.rope() != null, "rope", "rotary positions", null);
        require(spec, spec.qkNorm() == (family == Family.QWEN3), "qkNorm", family == Family.QWEN3, spec.qkNorm());
        require(spec, !spec.mlpBias() || family == Family.LLAMA, "mlpBias", false, spec.mlpBias());
        config.put("vocab_size", spec.vocabSize());
        config.put("hidden_size", spec.hiddenSize());
        config.put("intermediate_size", spec.intermediateSize());
        config.put("num_hidden_layers", spec.layers());
        config.put("num_attention_heads", spec.heads());
        config.put("num_key_value_heads", spec.kvHeads());
        config.put("head_dim", spec.headDim());
        config.put("max_position_embeddings", spec.contextLength());
        config.put("rms_norm_eps", spec.normEpsilon());
        config.put("hidden_act", activation(spec.activation(), "gelu_pytorch_tanh"));
        config.put("initializer_range", 0.02);
        config.put("attention_dropout", 0.0);
        RopeConfig.write(config, spec.rope(), spec.headDim(), spec.contextLength());
        switch (family) {
            case LLAMA, QWEN3 -> {
                require(spec, spec.qkvBias() == spec.outputBias(), "outputBias", "as qkvBias " + spec.qkvBias(), spec.outputBias());
                config.put("attention_bias", spec.qkvBias());
            }
            default -> {
                require(spec, spec.qkvBias() == (family == Family.QWEN2), "qkvBias", family == Family.QWEN2, spec.qkvBias());
                require(spec, !spec.outputBias(), "outputBias", false, spec.outputBias());
            }
        }
        if (family == Family.LLAMA) {
            config.put("mlp_bias", spec.mlpBias());
        }
        windows(config, spec);
    }

    private static void windows(ObjectNode config, DecoderSpec spec) {
        List<Integer> sizes = spec.windows().stream().filter(window -> window != 0).distinct().toList();
        require(spec, sizes.size() <= 1 && (sizes.isEmpty() || sizes.getFirst() > 0), "windows", "0 or one size", spec.windows());
        Integer window = sizes.isEmpty() ? null : sizes.getFirst();
        switch (spec.family()) {
            case MISTRAL -> {
                require(spec, window == null || !spec.windows().contains(0), "windows", "one size for all layers", spec.windows());
                config.put("sliding_window", window);
            }
            case QWEN2, QWEN3 -> {
                config.put("use_sliding_window", window != null);
                config.put("sliding_window", window);
                config.put("max_window_layers", firstWindow(spec.windows()));
                var types = config.putArray("layer_types");
                spec.windows().forEach(size -> types.add(size == 0 ? "full_attention" : "sliding_attention"));
            }
            default -> require(spec, window == null, "windows", 0, spec.windows());
        }
    }

    private static int firstWindow(List<Integer> windows) {
        int layer = 0;
        while (layer < windows.size() && windows.get(layer) == 0) {
            layer++;
        }
        return layer;
    }

    private static void gpt2(ObjectNode config, DecoderSpec spec) {
        require(spec, spec.norm() == Norm.LAYER, "norm", "LAYER", spec.norm());
        require(spec, !spec.gatedMlp(), "gatedMlp", false, true);
        require(spec, spec.rope() == null, "rope", "learned positions", spec.rope());
        require(spec, spec.qkvBias() && spec.outputBias() && spec.mlpBias(), "biases", "all three", "fewer");
        require(spec, !spec.qkNorm(), "qkNorm", false, true);
        require(spec, spec.kvHeads() == spec.heads(), "kvHeads", spec.heads(), spec.kvHeads());
        require(spec, (long) spec.headDim() * spec.heads() == spec.hiddenSize(), "headDim", "hiddenSize / heads", spec.headDim());
        require(spec, spec.windows().stream().allMatch(window -> window == 0), "windows", 0, spec.windows());
        config.put("vocab_size", spec.vocabSize());
        config.put("n_embd", spec.hiddenSize());
        config.put("n_layer", spec.layers());
        config.put("n_head", spec.heads());
        config.put("n_inner", spec.intermediateSize());
        config.put("n_positions", spec.contextLength());
        config.put("n_ctx", spec.contextLength());
        config.put("layer_norm_epsilon", spec.normEpsilon());
        config.put("activation_function", activation(spec.activation(), "gelu_new"));
        config.put("initializer_range", 0.02);
        config.put("attn_pdrop", 0.0).put("embd_pdrop", 0.0).put("resid_pdrop", 0.0);
        config.put("scale_attn_weights", true);
    }

    private static String activation(Activation activation, String tanh) {
        return switch (activation) {
            case SILU -> "silu";
            case GELU -> "gelu";
            case GELU_TANH -> tanh;
        };
    }

    private static void putIds(ObjectNode config, String field, List<Integer> ids) {
        if (ids.size() > 1) {
            ids.forEach(config.putArray(field)::add);
        } else {
            config.put(field, ids.isEmpty() ? null : ids.getFirst());
        }
    }

    private static void require(DecoderSpec spec, boolean holds, String field, Object expected, Object found) {
        if (!holds) {
            throw new IllegalArgumentException("a config.json of " + HfConfig.typeName(spec.family()) + " cannot say "
                    + field + ": expected " + expected + ", found " + found);
        }
    }
}
