package dev.zhulong.formats;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.formats.LoraConfig.Narrowing;
import dev.zhulong.formats.LoraConfig.Task;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiFunction;

/** Reads {@code adapter_config.json} field by field: a wrong one is named, and what would change the numbers and is not supported is refused. */
final class LoraConfigFile {
    private static final int MOST_PATTERNS = 4096;
    /** Fields that change what an adapter computes, or what its file holds, and that nothing here would honour. */
    private static final List<String> REFUSED = List.of("lora_bias", "modules_to_save", "use_qalora", "use_bdlora", "alora_invocation_tokens",
            "layer_replication", "trainable_token_indices", "target_parameters", "arrow_config", "kasa_config", "monteclora_config");
    /** Initialisations that change the base's weights too. */
    private static final List<String> CHANGING = List.of("pissa", "olora", "corda", "loftq", "lora_ga");

    private final Path file;
    private final JsonFields fields;

    private LoraConfigFile(Path file) {
        this.file = file;
        this.fields = JsonFields.read(file);
    }

    /** @throws FormatException as {@link LoraConfig#read} says */
    static LoraConfig read(Path file) {
        try {
            return new LoraConfigFile(file).config();
        } catch (FormatException e) {
            throw e;
        } catch (IllegalArgumentException e) {
            throw new FormatException(file, e.getMessage(), e);
        }
    }

    private LoraConfig config() {
        String type = fields.text("peft_type").orElse("");
        if (!type.equals("LORA")) {
            throw new FormatException(file, "peft_type is " + (type.isEmpty() ? "missing" : FormatException.quote(type)) + ", expected LORA");
        }
        requireSupported();
        Optional<String> target = texts("target_modules").isEmpty() ? fields.text("target_modules") : Optional.empty();
        Optional<String> regex = target.filter(text -> !text.equals(LoraConfig.ALL_LINEAR));
        List<String> names = target.isPresent() && regex.isEmpty() ? List.of(LoraConfig.ALL_LINEAR) : texts("target_modules");
        if (names.isEmpty() && regex.isEmpty()) {
            throw fields.wrong("target_modules", "names of modules, or one regular expression", fields.node("target_modules"));
        }
        regex.ifPresent(PythonRegex::of);
        double dropout = fields.isSet("lora_dropout") ? fields.number("lora_dropout") : 0;
        return new LoraConfig(fields.integer("r", 1, Integer.MAX_VALUE), fields.number("lora_alpha"), dropout, names, regex, narrowing(regex),
                fields.flag("use_rslora", false), fields.flag("use_dora", false), fields.flag("fan_in_fan_out", false),
                patterns("rank_pattern", (all, key) -> all.integer(key, 1, Integer.MAX_VALUE)), patterns("alpha_pattern", JsonFields::number),
                fields.text("base_model_name_or_path").orElse(""), task(), texts("modules_to_save"));
    }

    /** One that PEFT has and that is none here is as good as none. */
    private Optional<Task> task() {
        return fields.node("task_type").isTextual() ? Arrays.stream(Task.values()).filter(task -> task.name().equals(fields.node("task_type").textValue())).findFirst()
                : Optional.empty();
    }

    private void requireSupported() {
        for (String field : REFUSED) {
            if (field.equals("modules_to_save") && task().filter(Task::hasHead).isPresent()) {
                continue;
            }
            JsonNode value = fields.node(field);
            boolean off = value.isMissingNode() || value.isNull() || value.isBoolean() && !value.asBoolean() || value.isContainerNode() && value.isEmpty();
            if (!off) {
                throw new FormatException(file, field + " is " + FormatException.quote(value.toString()) + ", which is not supported: train the adapter"
                        + " without it");
            }
        }
        String bias = fields.text("bias").orElse("none");
        if (!bias.equals("none")) {
            throw new FormatException(file, "bias is " + FormatException.quote(bias) + ": adapters that change the base's biases are not supported");
        }
        JsonNode init = fields.node("init_lora_weights");
        if (CHANGING.stream().anyMatch(init.asText().toLowerCase(Locale.ROOT)::startsWith)) {
            throw new FormatException(file, "init_lora_weights is " + FormatException.quote(init.asText()) + ", which changes the base too: save it as a plain"
                    + " adapter (PEFT: save_pretrained with path_initial_model_for_weight_conversion)");
        }
    }

    private Narrowing narrowing(Optional<String> regex) {
        List<String> exclude = texts("exclude_modules");
        Optional<String> excludeRegex = exclude.isEmpty() && !fields.node("exclude_modules").isArray() ? fields.text("exclude_modules") : Optional.empty();
        excludeRegex.ifPresent(PythonRegex::of);
        JsonNode layers = fields.node("layers_to_transform");
        List<Integer> indices = new ArrayList<>();
        for (JsonNode layer : layers.isArray() ? layers : fields.isSet("layers_to_transform") ? List.of(layers) : List.<JsonNode>of()) {
            if (!layer.isIntegralNumber() || !layer.canConvertToInt() || layer.intValue() < 0) {
                throw fields.wrong("layers_to_transform", "a layer's number or a list of them", layers);
            }
            indices.add(layer.intValue());
        }
        if (!indices.isEmpty() && regex.isPresent()) {
            throw fields.wrong("layers_to_transform", "none beside a target_modules that is a regular expression", layers);
        }
        List<String> patterns = texts("layers_pattern");
        if (patterns.isEmpty() && !fields.node("layers_pattern").isArray()) {
            patterns = fields.text("layers_pattern").filter(text -> !text.isEmpty()).map(List::of).orElse(List.of());
        }
        patterns.forEach(Narrowing::layersRegex);
        return new Narrowing(exclude, excludeRegex, indices, patterns);
    }

    /** The strings of an array; none where the field is something else. */
    private List<String> texts(String field) {
        JsonNode node = fields.node(field);
        List<String> all = new ArrayList<>();
        if (node.isArray()) {
            for (JsonNode text : node) {
                if (!text.isTextual() || text.textValue().isEmpty()) {
                    throw fields.wrong(field, "names of modules", node);
                }
                all.add(text.textValue());
            }
        }
        return all;
    }

    private <T> Map<String, T> patterns(String field, BiFunction<JsonFields, String, T> value) {
        Map<String, T> all = new LinkedHashMap<>();
        fields.object(field).ifPresent(patterns -> {
            if (patterns.object().size() > MOST_PATTERNS) {
                throw fields.wrong(field, "at most " + MOST_PATTERNS + " patterns", patterns.object().size());
            }
            patterns.object().fieldNames().forEachRemaining(key -> {
                LoraConfig.ending(key);
                all.put(key, value.apply(patterns, key));
            });
        });
        return all;
    }

    /** The weights beside the configuration. */
    static Path weights(Path directory) {
        Path file = directory.resolve(LoraConfig.WEIGHTS);
        if (Files.exists(file)) {
            return file;
        }
        for (String pickle : List.of("adapter_model.bin", "adapter_model.pt", "adapter_model.pth", "pytorch_model.bin")) {
            if (Files.exists(directory.resolve(pickle))) {
                throw new FormatException(directory.resolve(pickle), "a pickle file can run code when it is opened and is refused; convert it with PEFT on a"
                        + " machine with Python (PeftModel.from_pretrained(base, directory).save_pretrained(directory)), which writes " + LoraConfig.WEIGHTS);
            }
        }
        throw new FormatException(file, "no such file, but " + LoraConfig.FILE + " is there: download the adapter's weights into the same directory");
    }
}
