package dev.zhulong.formats;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What a {@code config.json} says of weights that Zhulong has quantised: the field {@code quantization_config} with {@code quant_method}
 * {@value #METHOD}, {@code format} 1 and {@code weights}, the type of blocks by the name of a tensor. {@code docs/quantized-directory.md} has
 * the layout.
 *
 * @param weights types by names; tensors that are not named are stored in plain elements
 */
public record QuantizationConfig(Map<String, String> weights) {

    static final String FIELD = "quantization_config";
    static final String METHOD = "zhulong";
    private static final int FORMAT = 1;

    public QuantizationConfig {
        weights = Collections.unmodifiableMap(new LinkedHashMap<>(weights));
    }

    /** How others hold the weights of a directory; empty where they are plain, or of Zhulong's own. */
    static Optional<PackedScheme> packed(JsonFields config) {
        return config.isSet(FIELD) ? PackedScheme.read(config.object(FIELD).orElseThrow(), method(config)) : Optional.empty();
    }

    private static String method(JsonFields config) {
        return config.object(FIELD).orElseThrow().text("quant_method").orElse("unknown");
    }

    /** Of a {@code config.json}; empty where it tells of no quantisation, or of one by others. */
    static Optional<QuantizationConfig> read(JsonFields config) {
        if (!config.isSet(FIELD)) {
            return Optional.empty();
        }
        JsonFields fields = config.object(FIELD).orElseThrow();
        String method = method(config);
        if (config.text("model_type").flatMap(Families::find).filter(family -> family.decodes(method)).isPresent() || packed(config).isPresent()) {
            return Optional.empty();
        }
        if (!method.equals(METHOD)) {
            throw config.wrong(FIELD, "weights in F32, F16 or BF16, or quantised by gptq, awq or compressed-tensors; take such a revision", FormatException.quote(method));
        }
        if (fields.integer("format", 1, Integer.MAX_VALUE) > FORMAT) {
            throw fields.wrong("format", FORMAT + "; a newer Zhulong wrote this", fields.node("format"));
        }
        JsonFields types = fields.object("weights").orElseThrow(() -> fields.wrong("weights", "an object of tensor names and types", "none"));
        var weights = new LinkedHashMap<String, String>();
        types.object().fieldNames().forEachRemaining(name -> weights.put(name,
                types.text(name).orElseThrow(() -> types.wrong(name, "a type such as INT4", types.node(name)))));
        return Optional.of(new QuantizationConfig(weights));
    }

    /**
     * The text of {@code configJson} with this in it.
     *
     * @param tied whether the head is the embedding's weight, which the file may say wrongly ({@link ModelDirectory#spec})
     */
    public String addTo(Path configJson, boolean tied) {
        ObjectNode config = JsonFields.read(configJson).object().deepCopy();
        if (!tied) {
            config.put("tie_word_embeddings", false);
        }
        ObjectNode field = config.putObject(FIELD);
        field.put("quant_method", METHOD).put("format", FORMAT);
        ObjectNode types = field.putObject("weights");
        weights.forEach(types::put);
        return JsonFields.text(config);
    }
}
