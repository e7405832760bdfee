package dev.zhulong.recipe.plan;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.recipe.cost.Counts;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Shapes to plan for: published ones by name, one's own by sizes, or the {@code config.json} of a directory, which needs no weights. Each is a configuration that its
 * family reads, as it reads files, so that its parameters are counted and not estimated.
 */
public final class Shapes {
    /** Families' own names for the sizes that a list may give. */
    private static final Map<String, List<String>> FIELDS = Map.of(
            "layers", List.of("num_hidden_layers", "n_layer"),
            "hidden", List.of("hidden_size", "n_embd"),
            "heads", List.of("num_attention_heads", "n_head"),
            "kv-heads", List.of("num_key_value_heads"),
            "ffn", List.of("intermediate_size", "n_inner"),
            "vocab", List.of("vocab_size"),
            "context", List.of("max_position_embeddings", "n_positions"),
            "experts", List.of("num_local_experts"),
            "chosen", List.of("num_experts_per_tok"),
            "tied", List.of("tie_word_embeddings"));
    private static final int SMALLEST_HEAD = 64;

    /**
     * A published shape.
     *
     * @param source where its sizes are stated
     * @param type   family that has its layers
     * @param fields of its configuration, {@code name=value} apart by blanks
     */
    private record Published(String source, String type, String fields) {}

    private static final Map<String, Published> PUBLISHED = new LinkedHashMap<>();

    static {
        put("gpt2", "Radford et al. 2019", "gpt2", "n_layer=12 n_embd=768 n_head=12 n_positions=1024 vocab_size=50257");
        put("gpt3-175b", "Brown et al. 2020, table 2.1; learned positions, vocabulary of GPT-2", "gpt2", "n_layer=96 n_embd=12288 n_head=96 n_positions=2048 vocab_size=50257");
        // ALiBi has no weights, as rotation has none; BLOOM's norm of the embeddings, 28,672 weights, is not counted
        put("bloom-176b", "BigScience 2022, table 3; counted without the norm of its embeddings", "gpt_neox", "num_hidden_layers=70 hidden_size=14336 num_attention_heads=112"
                + " intermediate_size=57344 vocab_size=250880 max_position_embeddings=2048 tie_word_embeddings=true");
        put("llama-7b", "Touvron et al. 2023, table 2", "llama", llama(32, 4096, 32, 32, 11008, 32000, 2048));
        put("llama-65b", "Touvron et al. 2023, table 2", "llama", llama(80, 8192, 64, 64, 22016, 32000, 2048));
        put("llama-2-7b", "Touvron et al. 2023b, table 1 and its config.json", "llama", llama(32, 4096, 32, 32, 11008, 32000, 4096));
        put("llama-2-13b", "Touvron et al. 2023b, table 1 and its config.json", "llama", llama(40, 5120, 40, 40, 13824, 32000, 4096));
        put("llama-2-70b", "Touvron et al. 2023b, table 1 and its config.json", "llama", llama(80, 8192, 64, 8, 28672, 32000, 4096));
        put("llama-3-8b", "Llama Team 2024, table 3", "llama", llama(32, 4096, 32, 8, 14336, 128256, 8192));
        put("llama-3-70b", "Llama Team 2024, table 3", "llama", llama(80, 8192, 64, 8, 28672, 128256, 8192));
        put("llama-3.1-405b", "Llama Team 2024, table 3", "llama", llama(126, 16384, 128, 8, 53248, 128256, 8192));
        put("mistral-7b", "Jiang et al. 2023, table 1", "mistral", llama(32, 4096, 32, 8, 14336, 32000, 8192) + " sliding_window=4096");
        put("mixtral-8x7b", "Jiang et al. 2024, table 1", "mixtral", llama(32, 4096, 32, 8, 14336, 32000, 32768) + " num_local_experts=8 num_experts_per_tok=2");
        put("qwen2.5-7b", "Qwen Team 2024 and its config.json", "qwen2", llama(28, 3584, 28, 4, 18944, 152064, 32768));
        put("smollm-135m", "Hugging Face 2024, its config.json", "llama", llama(30, 576, 9, 3, 1536, 49152, 2048).replace("=false", "=true"));
        put("deepseek-v3", "DeepSeek-AI 2024, section 4.2 and its config.json; without the layer that predicts a second token", "deepseek_v3",
                llama(61, 7168, 128, 128, 18432, 129280, 4096)
                        + " q_lora_rank=1536 kv_lora_rank=512 qk_nope_head_dim=128 qk_rope_head_dim=64 v_head_dim=128 n_routed_experts=256 num_experts_per_tok=8 n_shared_experts=1"
                        + " moe_intermediate_size=2048 first_k_dense_replace=3 n_group=8 topk_group=4 routed_scaling_factor=2.5 norm_topk_prob=true");
        put("bert-base", "Devlin et al. 2019, section 3, with its head over masked tokens", "bert", "num_hidden_layers=12 hidden_size=768 num_attention_heads=12 intermediate_size=3072"
                + " vocab_size=30522 max_position_embeddings=512 type_vocab_size=2 architectures=BertForMaskedLM");
        put("t5-base", "Raffel et al. 2020, section 3.1.2 and its config.json", "t5", "num_layers=12 num_decoder_layers=12 d_model=768 d_kv=64 d_ff=3072 num_heads=12 vocab_size=32128"
                + " pad_token_id=0 eos_token_id=1 decoder_start_token_id=0");
        put("t5-11b", "Raffel et al. 2020, section 3.7 and its config.json", "t5", "num_layers=24 num_decoder_layers=24 d_model=1024 d_kv=128 d_ff=65536 num_heads=128"
                + " vocab_size=32128 pad_token_id=0 eos_token_id=1 decoder_start_token_id=0");
    }

    private Shapes() {}

    private static void put(String name, String source, String type, String fields) {
        PUBLISHED.put(name, new Published(source, type, fields));
    }

    private static String llama(int layers, int hidden, int heads, int kvHeads, int ffn, int vocab, int context) {
        return "num_hidden_layers=" + layers + " hidden_size=" + hidden + " num_attention_heads=" + heads + " num_key_value_heads=" + kvHeads + " intermediate_size=" + ffn
                + " vocab_size=" + vocab + " max_position_embeddings=" + context + " tie_word_embeddings=false rms_norm_eps=1e-5 rope_theta=10000";
    }

    /** Names of the published ones. */
    public static Set<String> names() {
        return PUBLISHED.keySet();
    }

    /**
     * A shape to plan for.
     *
     * @param name   as it is spoken of
     * @param counts its parameters
     * @param source where its sizes are from
     */
    public record Shape(String name, Counts counts, String source) {
        /** The shape itself. */
        public NetworkSpec spec() {
            return counts.spec();
        }
    }

    /**
     * The shape that is meant.
     *
     * @param model a published name, sizes such as {@code layers=12,hidden=768,vocab=32000}, a model directory or its {@code config.json}
     * @throws IllegalArgumentException where it is none of them
     */
    public static Shape read(String model) {
        Published published = PUBLISHED.get(model);
        if (published != null) {
            ObjectNode config = JsonNodeFactory.instance.objectNode();
            for (String field : published.fields().split(" ")) {
                put(config, field.substring(0, field.indexOf('=')), field.substring(field.indexOf('=') + 1));
            }
            return new Shape(model, Counts.of(Family.of(published.type()).read(fields(model, config))), published.source());
        }
        Path path = Path.of(model);
        Path config = Files.isDirectory(path) ? path.resolve("config.json") : path;
        if (Files.isRegularFile(config)) {
            return new Shape(model, Counts.of(HfConfig.network(config)), config.toString());
        }
        if (model.contains("=")) {
            return new Shape(model, Counts.of(own(model)), "as given");
        }
        throw new IllegalArgumentException("'" + model + "' is no published shape, and no directory with a config.json: give one of " + String.join(", ", names())
                + ", or sizes such as layers=12,hidden=768,vocab=32000");
    }

    private static JsonFields fields(String name, ObjectNode config) {
        return new JsonFields(Path.of(name), "", config);
    }

    private static NetworkSpec own(String model) {
        Map<String, String> given = new LinkedHashMap<>();
        for (String size : model.split(",")) {
            String[] both = size.split("=", 2);
            if (both.length < 2 || !both[0].equals("family") && !FIELDS.containsKey(both[0])) {
                throw new IllegalArgumentException("a size is one of family, " + String.join(", ", new java.util.TreeSet<>(FIELDS.keySet())) + ", with = and its value; found '" + size + "'");
            }
            given.put(both[0], both[1]);
        }
        for (String needed : List.of("layers", "hidden")) {
            if (!given.containsKey(needed)) {
                throw new IllegalArgumentException("sizes need " + needed + ", such as layers=12,hidden=768,vocab=32000; found " + model);
            }
        }
        int hidden = number("hidden", given.get("hidden"));
        given.putIfAbsent("heads", Integer.toString(Math.max(1, hidden / SMALLEST_HEAD)));
        given.putIfAbsent("kv-heads", given.get("heads"));
        given.putIfAbsent("vocab", "32000");
        given.putIfAbsent("context", "2048");
        given.putIfAbsent("tied", "false");
        given.putIfAbsent("ffn", Integer.toString((int) ((hidden * 8L / 3 + 63) / 64 * 64)));
        String family = given.getOrDefault("family", given.containsKey("experts") ? "mixtral" : "llama");
        ObjectNode config = JsonNodeFactory.instance.objectNode();
        given.forEach((name, value) -> FIELDS.getOrDefault(name, List.of()).forEach(field -> {
            if (!name.equals("tied")) {
                number(name, value);
            }
            put(config, field, value);
        }));
        put(config, "rms_norm_eps", "1e-5");
        put(config, "rope_theta", "10000");
        return Family.of(family).read(fields(model, config));
    }

    private static int number(String name, String value) {
        try {
            return Integer.parseInt(value);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("expected a whole number for " + name + ", found '" + value + "'", e);
        }
    }

    private static void put(ObjectNode config, String name, String value) {
        if (name.equals("architectures")) {
            config.putArray(name).add(value);
        } else if (value.matches("-?\\d+")) {
            config.put(name, Integer.parseInt(value));
        } else if (value.matches("true|false")) {
            config.put(name, Boolean.parseBoolean(value));
        } else {
            config.put(name, Double.parseDouble(value));
        }
    }

    /** The published ones with their sources, a line each. */
    public static List<String> sources() {
        List<String> lines = new ArrayList<>();
        PUBLISHED.forEach((name, p) -> lines.add(name + ": " + p.source()));
        return lines;
    }
}
