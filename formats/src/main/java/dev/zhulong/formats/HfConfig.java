package dev.zhulong.formats;

import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Family;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.DecoderSpec.Rope;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Reads Hugging Face's {@code config.json}, both generations of it, for the decoder families of {@link Family}.
 *
 * <p>What a field means, and its value where it is absent, is taken from transformers' configuration classes (huggingface/transformers,
 * {@code models/*}{@code /configuration_*.py}). A field that would change the logits and is not implemented is refused by name.
 * What {@link #write} gives, version 4 of transformers reads as well as version 5.
 */
public final class HfConfig {

    private static final int MOST = Integer.MAX_VALUE;
    // Nobody has built a deeper one; keeps a hostile file from asking for a list of two thousand million windows.
    private static final int MOST_LAYERS = 10_000;

    private HfConfig() {}

    /** What transformers assumes for a family where config.json is silent; -1 for none. */
    private record Defaults(int kvHeads, int headDim, int contextLength, int bos, int eos) {

        static Defaults of(Family family) {
            return switch (family) {
                case LLAMA -> new Defaults(-1, -1, 2048, 1, 2);
                case MISTRAL -> new Defaults(8, -1, 131_072, 1, 2);
                case QWEN2 -> new Defaults(32, -1, 32_768, -1, -1);
                case QWEN3 -> new Defaults(32, 128, 32_768, -1, -1);
                case GPT2 -> new Defaults(-1, -1, 1024, 50_256, 50_256);
            };
        }
    }

    /**
     * The shape of the decoder that a {@code config.json} describes.
     *
     * <p>Token ids outside the vocabulary (left over from a default) can never occur and are dropped.
     *
     * @throws FormatException naming file, field, expected and found
     */
    public static DecoderSpec read(Path configJson) {
        JsonFields config = JsonFields.read(configJson);
        Family family = family(config);
        QuantizationConfig.read(config);
        return family == Family.GPT2 ? gpt2(config) : rotary(config, family);
    }

    /** The type the weights were saved in ({@code dtype}, before version 5 {@code torch_dtype}), where the file says so. */
    public static Optional<StorageType> storageType(Path configJson) {
        JsonFields config = JsonFields.read(configJson);
        String field = config.isSet("dtype") ? "dtype" : "torch_dtype";
        Optional<String> name = config.text(field).filter(text -> !text.equals("auto"));
        return name.map(text -> StorageType.ofTorchName(text)
                .orElseThrow(() -> config.wrong(field, "float32, float16 or bfloat16", FormatException.quote(text))));
    }

    /** What the file says of weights that Zhulong has quantised. */
    static Optional<QuantizationConfig> quantization(Path configJson) {
        return QuantizationConfig.read(JsonFields.read(configJson));
    }

    /**
     * The text of a {@code config.json} that {@link #read} turns into the same spec.
     *
     * @param storageType the type the weights are saved in
     * @throws IllegalArgumentException when the family's configuration cannot express the spec (a Llama with windows)
     */
    public static String write(DecoderSpec spec, StorageType storageType) {
        return HfConfigText.write(spec, storageType);
    }

    static String typeName(Family family) {
        return family.name().toLowerCase(Locale.ROOT);
    }

    static String architecture(Family family) {
        return switch (family) {
            case LLAMA -> "LlamaForCausalLM";
            case MISTRAL -> "MistralForCausalLM";
            case QWEN2 -> "Qwen2ForCausalLM";
            case QWEN3 -> "Qwen3ForCausalLM";
            case GPT2 -> "GPT2LMHeadModel";
        };
    }

    private static Family family(JsonFields config) {
        Optional<String> type = config.text("model_type");
        String known = Arrays.stream(Family.values()).map(HfConfig::typeName).collect(Collectors.joining(", "));
        if (type.isPresent()) {
            return Arrays.stream(Family.values()).filter(family -> typeName(family).equals(type.get())).findFirst()
                    .orElseThrow(() -> config.wrong("model_type", "one of " + known, FormatException.quote(type.get())));
        }
        for (var name : config.node("architectures")) {
            for (Family family : Family.values()) {
                if (architecture(family).equals(name.asText())) {
                    return family;
                }
            }
        }
        throw config.wrong("model_type", "one of " + known, config.node("model_type"));
    }

    private static DecoderSpec rotary(JsonFields config, Family family) {
        var defaults = Defaults.of(family);
        int hidden = config.integer("hidden_size", 1, MOST);
        int layers = config.integer("num_hidden_layers", 1, MOST_LAYERS);
        int heads = config.integer("num_attention_heads", 1, MOST);
        int absentKvHeads = config.has("num_key_value_heads") || defaults.kvHeads < 0 ? heads : defaults.kvHeads;
        int kvHeads = config.integer("num_key_value_heads", 1, MOST, absentKvHeads);
        if (heads % kvHeads != 0) {
            throw config.wrong("num_key_value_heads", "a divisor of num_attention_heads " + heads, kvHeads);
        }
        int vocab = config.integer("vocab_size", 1, MOST);
        int context = config.integer("max_position_embeddings", 1, MOST, defaults.contextLength);
        int headDim = headDim(config, hidden, heads, defaults.headDim);
        Rope rope = RopeConfig.read(config, headDim, context);
        boolean attentionBias = (family == Family.LLAMA || family == Family.QWEN3) && config.flag("attention_bias", false);
        return new DecoderSpec(
                family, vocab, hidden, layers, heads, kvHeads, headDim,
                config.integer("intermediate_size", 1, MOST), context,
                Norm.RMS, config.positive("rms_norm_eps", 1e-6),
                activation(config, "hidden_act", "silu"), true, rope,
                config.flag("tie_word_embeddings", false),
                attentionBias || family == Family.QWEN2, attentionBias,
                family == Family.LLAMA && config.flag("mlp_bias", false),
                family == Family.QWEN3,
                windows(config, family, layers),
                bos(config, vocab, defaults), eos(config, vocab, defaults));
    }

    private static DecoderSpec gpt2(JsonFields config) {
        refuse(config, "scale_attn_by_inverse_layer_idx", false);
        refuse(config, "reorder_and_upcast_attn", false);
        refuse(config, "add_cross_attention", false);
        refuse(config, "scale_attn_weights", true);
        var defaults = Defaults.of(Family.GPT2);
        int hidden = config.integer(config.named("n_embd", "hidden_size"), 1, MOST);
        int layers = config.integer(config.named("n_layer", "num_hidden_layers"), 1, MOST_LAYERS);
        String headsField = config.named("n_head", "num_attention_heads");
        int heads = config.integer(headsField, 1, MOST);
        if (hidden % heads != 0) {
            throw config.wrong(headsField, "a divisor of the hidden size " + hidden, heads);
        }
        if (!config.isSet("n_inner") && hidden > MOST / 4) {
            throw config.wrong("n_embd", "a whole number from 1 to " + MOST / 4, hidden);
        }
        int vocab = config.integer("vocab_size", 1, MOST);
        return new DecoderSpec(
                Family.GPT2, vocab, hidden, layers, heads, heads, hidden / heads,
                config.integer("n_inner", 1, MOST, 4 * hidden),
                config.integer(config.named("n_positions", "max_position_embeddings"), 1, MOST, defaults.contextLength),
                Norm.LAYER, config.positive("layer_norm_epsilon", 1e-5),
                activation(config, "activation_function", "gelu_new"), false, null,
                config.flag("tie_word_embeddings", true), true, true, true, false,
                Collections.nCopies(layers, 0),
                bos(config, vocab, defaults), eos(config, vocab, defaults));
    }

    private static void refuse(JsonFields config, String field, boolean supported) {
        if (config.flag(field, supported) != supported) {
            throw config.wrong(field, supported + " (the other way is not implemented)", !supported);
        }
    }

    private static int headDim(JsonFields config, int hidden, int heads, int absent) {
        if (config.isSet("head_dim")) {
            return config.integer("head_dim", 1, MOST);
        }
        if (!config.has("head_dim") && absent > 0) {
            return absent;
        }
        if (hidden % heads != 0) {
            throw config.wrong("num_attention_heads", "a divisor of hidden_size " + hidden + ", or a head_dim", heads);
        }
        return hidden / heads;
    }

    private static Activation activation(JsonFields config, String field, String absent) {
        String name = config.text(field).orElse(absent);
        return switch (name) {
            case "silu", "swish" -> Activation.SILU;
            case "gelu" -> Activation.GELU;
            case "gelu_new", "gelu_pytorch_tanh", "gelu_fast" -> Activation.GELU_TANH;
            default -> throw config.wrong(field, "silu, gelu, gelu_new or gelu_pytorch_tanh", FormatException.quote(name));
        };
    }

    private static List<Integer> windows(JsonFields config, Family family, int layers) {
        int window = config.has("sliding_window") ? config.integer("sliding_window", 1, MOST, 0) : 4096;
        return switch (family) {
            case MISTRAL -> Collections.nCopies(layers, window);
            case QWEN2, QWEN3 -> qwenWindows(config, layers, config.flag("use_sliding_window", false) ? window : 0);
            default -> Collections.nCopies(layers, 0);
        };
    }

    /** Layers from {@code max_window_layers} on slide, unless {@code layer_types} (since 4.53) says which do. */
    private static List<Integer> qwenWindows(JsonFields config, int layers, int window) {
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

    private static int bos(JsonFields config, int vocab, Defaults defaults) {
        List<Integer> ids = ids(config, "bos_token_id", vocab, defaults.bos);
        return ids.isEmpty() ? -1 : ids.getFirst();
    }

    private static List<Integer> eos(JsonFields config, int vocab, Defaults defaults) {
        return ids(config, "eos_token_id", vocab, defaults.eos);
    }

    private static List<Integer> ids(JsonFields config, String field, int vocab, int absent) {
        List<Integer> ids = config.has(field) ? config.tokenIds(field) : List.of(absent);
        return ids.stream().filter(id -> id >= 0 && id < vocab).toList();
    }
}
