package dev.zhulong.formats;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * A low-rank adapter's settings (Hu et al. 2021) as PEFT keeps them in {@code adapter_config.json}.
 *
 * @param rank         of the two factors
 * @param alpha        over the rank (over its root with {@code rsLora}) it is the scale of the product
 * @param dropout      of the adapter's input while training
 * @param targets      names of modules, or their last parts; {@value #ALL_LINEAR} alone for every projection but the head
 * @param targetRegex  instead of targets: what a module's whole name matches
 * @param rsLora       scale by {@code alpha / √rank} (Kalajdzievski 2023)
 * @param dora         learn each output's magnitude apart from its direction (Liu et al. 2024)
 * @param fanInFanOut  whether the base keeps its weights transposed, as GPT-2 does
 * @param rankPattern  ranks of modules whose names end in a match of the key
 * @param alphaPattern alphas of such
 * @param baseModel    name or path of the model it was made for; empty if unknown
 */
public record LoraConfig(int rank, double alpha, double dropout, List<String> targets, Optional<String> targetRegex, boolean rsLora, boolean dora,
        boolean fanInFanOut, Map<String, Integer> rankPattern, Map<String, Double> alphaPattern, String baseModel) {
    /** The file's name in an adapter's directory. */
    public static final String FILE = "adapter_config.json";
    /** The weights' file. */
    public static final String WEIGHTS = "adapter_model.safetensors";
    /** Target that stands for every projection but the head. */
    public static final String ALL_LINEAR = "all-linear";

    private static final ObjectMapper JSON = new ObjectMapper();
    /** Fields that change what an adapter computes, or what its file holds, and that nothing here would honour. */
    private static final List<String> REFUSED = List.of("lora_bias", "modules_to_save", "use_qalora", "use_bdlora", "alora_invocation_tokens",
            "layer_replication", "trainable_token_indices", "target_parameters", "arrow_config", "kasa_config");
    /** Initialisations that change the base's weights too. */
    private static final List<String> CHANGING = List.of("pissa", "olora", "corda", "loftq");

    public LoraConfig {
        if (rank < 1) {
            throw new IllegalArgumentException("an adapter's rank must be at least 1, found " + rank);
        }
        if (!(dropout >= 0 && dropout < 1)) {
            throw new IllegalArgumentException("an adapter's dropout must be in [0, 1), found " + dropout);
        }
        if (!Double.isFinite(alpha)) {
            throw new IllegalArgumentException("an adapter's alpha must be a number, found " + alpha);
        }
        targets = List.copyOf(targets);
        if (targets.isEmpty() == targetRegex.isEmpty()) {
            throw new IllegalArgumentException("expected either names of modules to adapt or one regular expression");
        }
        rankPattern = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(rankPattern));
        alphaPattern = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(alphaPattern));
    }

    /** A plain adapter. */
    public static LoraConfig of(int rank, double alpha, String... targets) {
        return new LoraConfig(rank, alpha, 0, List.of(targets), Optional.empty(), false, false, false, Map.of(), Map.of(), "");
    }

    /** The same for weights that are kept transposed. */
    public LoraConfig withFanInFanOut(boolean on) {
        return new LoraConfig(rank, alpha, dropout, targets, targetRegex, rsLora, dora, on, rankPattern, alphaPattern, baseModel);
    }

    /** The same with or without magnitudes. */
    public LoraConfig withDora(boolean on) {
        return new LoraConfig(rank, alpha, dropout, targets, targetRegex, rsLora, on, fanInFanOut, rankPattern, alphaPattern, baseModel);
    }

    /** The same, scaled by the root of the rank or by the rank. */
    public LoraConfig withRsLora(boolean on) {
        return new LoraConfig(rank, alpha, dropout, targets, targetRegex, on, dora, fanInFanOut, rankPattern, alphaPattern, baseModel);
    }

    /** The same with dropout of the adapter's input while training. */
    public LoraConfig withDropout(double share) {
        return new LoraConfig(rank, alpha, share, targets, targetRegex, rsLora, dora, fanInFanOut, rankPattern, alphaPattern, baseModel);
    }

    /** The same for another base. */
    public LoraConfig withBaseModel(String name) {
        return new LoraConfig(rank, alpha, dropout, targets, targetRegex, rsLora, dora, fanInFanOut, rankPattern, alphaPattern, name);
    }

    /** Whether a module, by its whole name, is adapted. */
    public boolean adapts(String module) {
        if (targetRegex.isPresent()) {
            return Pattern.matches(targetRegex.get(), module);
        }
        return targets.equals(List.of(ALL_LINEAR)) || targets.stream().anyMatch(t -> module.equals(t) || module.endsWith("." + t));
    }

    /** Rank of a module's adapter. */
    public int rank(String module) {
        return matching(rankPattern, module).orElse(rank);
    }

    /** Factor of a module's low-rank product. */
    public double scale(String module) {
        double a = matching(alphaPattern, module).orElse(alpha);
        return a / (rsLora ? Math.sqrt(rank(module)) : rank(module));
    }

    private static <T> Optional<T> matching(Map<String, T> patterns, String module) {
        return patterns.entrySet().stream().filter(e -> Pattern.matches("(.*\\.)?(" + e.getKey() + ")", module)).map(Map.Entry::getValue).findFirst();
    }

    /**
     * Reads an adapter directory's file.
     *
     * @throws FormatException if it is missing, is no LoRA, or asks for something that is not supported
     */
    public static LoraConfig read(Path directory) {
        Path file = directory.resolve(FILE);
        if (!Files.isRegularFile(file)) {
            throw new FormatException(file, "no such file: an adapter is a directory with " + FILE + " and " + WEIGHTS);
        }
        try {
            JsonNode json = JSON.readTree(Files.readString(file));
            if (!json.isObject()) {
                throw new FormatException(file, "expected a JSON object");
            }
            return read(file, json);
        } catch (JsonProcessingException e) {
            throw new FormatException(file, "not JSON: " + e.getOriginalMessage(), e);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static LoraConfig read(Path file, JsonNode json) {
        String type = json.path("peft_type").asText("");
        if (!type.equals("LORA")) {
            throw new FormatException(file, "peft_type is " + (type.isEmpty() ? "missing" : type) + ", expected LORA");
        }
        for (String field : REFUSED) {
            JsonNode value = json.path(field);
            boolean off = value.isMissingNode() || value.isNull() || value.isBoolean() && !value.asBoolean() || value.isContainerNode() && value.isEmpty();
            if (!off) {
                throw new FormatException(file, field + " is " + value + ", which is not supported: train the adapter without it");
            }
        }
        String bias = json.path("bias").asText("none");
        if (!bias.equals("none")) {
            throw new FormatException(file, "bias is " + bias + ": adapters that change the base's biases are not supported");
        }
        String init = json.path("init_lora_weights").asText("true");
        if (CHANGING.stream().anyMatch(init.toLowerCase(java.util.Locale.ROOT)::startsWith)) {
            throw new FormatException(file, "init_lora_weights is " + init + ", which changes the base too: save it as a plain adapter"
                    + " (PEFT: save_pretrained with path_initial_model_for_weight_conversion)");
        }
        try {
            JsonNode targets = json.path("target_modules");
            List<String> names = new ArrayList<>();
            Optional<String> regex = Optional.empty();
            if (targets.isTextual() && !targets.asText().equals(ALL_LINEAR)) {
                regex = Optional.of(Pattern.compile(targets.asText()).pattern());
            } else if (targets.isTextual()) {
                names.add(ALL_LINEAR);
            } else {
                targets.forEach(t -> names.add(t.asText()));
            }
            Map<String, Integer> ranks = new LinkedHashMap<>();
            json.path("rank_pattern").properties().forEach(e -> ranks.put(Pattern.compile(e.getKey()).pattern(), e.getValue().asInt()));
            Map<String, Double> alphas = new LinkedHashMap<>();
            json.path("alpha_pattern").properties().forEach(e -> alphas.put(Pattern.compile(e.getKey()).pattern(), e.getValue().asDouble()));
            return new LoraConfig(json.path("r").asInt(0), json.path("lora_alpha").asDouble(Double.NaN), json.path("lora_dropout").asDouble(0), names,
                    regex, json.path("use_rslora").asBoolean(), json.path("use_dora").asBoolean(), json.path("fan_in_fan_out").asBoolean(), ranks,
                    alphas, json.path("base_model_name_or_path").asText(""));
        } catch (PatternSyntaxException e) {
            throw new FormatException(file, "not a regular expression: " + e.getPattern(), e);
        } catch (IllegalArgumentException e) {
            throw new FormatException(file, e.getMessage(), e);
        }
    }

    /** The file's text; the fields PEFT would not fill in by itself, and those its readers look for, in its order. */
    public String json() {
        Map<String, Object> f = new TreeMap<>();
        f.put("alpha_pattern", plain(alphaPattern));
        f.put("auto_mapping", null);
        f.put("base_model_name_or_path", baseModel.isEmpty() ? null : baseModel);
        f.put("bias", "none");
        f.put("fan_in_fan_out", fanInFanOut);
        f.put("inference_mode", true);
        f.put("init_lora_weights", true);
        f.put("lora_alpha", plain(alpha));
        f.put("lora_bias", false);
        f.put("lora_dropout", dropout);
        f.put("modules_to_save", null);
        f.put("peft_type", "LORA");
        f.put("r", rank);
        f.put("rank_pattern", rankPattern);
        f.put("target_modules", targetRegex.isPresent() ? targetRegex.get() : targets.equals(List.of(ALL_LINEAR)) ? ALL_LINEAR : targets);
        f.put("task_type", "CAUSAL_LM");
        f.put("use_dora", dora);
        f.put("use_rslora", rsLora);
        try {
            var lines = new DefaultPrettyPrinter();
            lines.indentArraysWith(DefaultIndenter.SYSTEM_LINEFEED_INSTANCE.withLinefeed("\n"));
            lines.indentObjectsWith(DefaultIndenter.SYSTEM_LINEFEED_INSTANCE.withLinefeed("\n"));
            return JSON.writer(lines).writeValueAsString(f);
        } catch (JsonProcessingException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Map<String, Object> plain(Map<String, Double> values) {
        Map<String, Object> all = new LinkedHashMap<>();
        values.forEach((key, value) -> all.put(key, plain(value)));
        return all;
    }

    /** Whole numbers without a fraction, as Python's integers are. */
    private static Object plain(double value) {
        return value == Math.rint(value) && Math.abs(value) < 1e15 ? (Object) (long) value : (Object) value;
    }
}
