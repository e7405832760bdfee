package dev.zhulong.formats;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The decoder of a directory whose model sees pictures too: a {@code text_config} in its {@code config.json}, and weights under {@code language_model}
 * among those of the other half, which are left out.
 */
final class TextHalf {
    /** Model types of the whole, with those of the text half where it names none, as transformers' configuration classes have it. */
    private static final Map<String, String> WHOLE = Map.ofEntries(Map.entry("gemma3", "gemma3_text"), Map.entry("mistral3", "mistral"), Map.entry("llava", "llama"),
            Map.entry("llava_next", "llama"), Map.entry("llava_next_video", "llama"), Map.entry("llava_onevision", "qwen2"), Map.entry("vipllava", "llama"),
            Map.entry("aya_vision", "cohere2"), Map.entry("cohere2_vision", "cohere2"), Map.entry("internvl", "qwen2"), Map.entry("idefics3", "llama"),
            Map.entry("smolvlm", "llama"), Map.entry("lighton_ocr", "qwen3"));
    /** Those whose head is the embedding where nothing says otherwise. */
    private static final List<String> TIED = List.of("gemma3", "mistral3", "aya_vision", "cohere2_vision", "internvl", "lighton_ocr");
    private static final Pattern TEXT = Pattern.compile("language_model\\.(model\\..+|lm_head\\..+)|model\\.(?:language_model|text_model)\\.(.+)|(lm_head\\..+)");
    private static final Pattern OTHER = Pattern.compile("(model\\.)?(vision_tower|vision_model|vision_encoder|vision_projection|multi_modal_projector|connector"
            + "|image_newline)(\\..+)?");

    private TextHalf() {}

    /** Whether the configuration is of such a model. */
    static boolean isIn(JsonFields config) {
        return config.node("model_type").isTextual() && WHOLE.containsKey(config.node("model_type").textValue());
    }

    /** The configuration of the text half; of any other model the configuration itself. */
    static JsonFields config(JsonFields config) {
        if (!isIn(config)) {
            return config;
        }
        String whole = config.string("model_type");
        JsonFields text = config.object("text_config").orElseThrow(() -> config.wrong("text_config", "an object: the half of the model that reads and writes text", "none"));
        ObjectNode half = text.object().deepCopy();
        if (!half.hasNonNull("model_type")) {
            half.put("model_type", WHOLE.get(whole));
        }
        half.put("tie_word_embeddings", config.flag("tie_word_embeddings", TIED.contains(whole)) || text.flag("tie_word_embeddings", false));
        for (String field : new String[] {"bos_token_id", "eos_token_id"}) {
            if (config.isSet(field)) {
                half.set(field, config.node(field));
            }
        }
        return new JsonFields(text.file(), text.prefix(), half);
    }

    /** The weights of the text half, under the names that they have alone. */
    static Map<String, TensorView> weights(Map<String, TensorView> stored) {
        var weights = new LinkedHashMap<String, TensorView>();
        stored.forEach((name, view) -> {
            Matcher text = TEXT.matcher(name);
            if (text.matches()) {
                String alone = text.group(1) != null ? text.group(1) : text.group(2) != null ? "model." + text.group(2) : text.group(3);
                weights.put(alone, new TensorView(alone, view.type(), view.shape(), view.data(), view.file()));
            } else if (!OTHER.matcher(name).matches()) {
                weights.put(name, view);
            }
        });
        return weights;
    }

    /** What the user should know. */
    static Optional<String> notice(JsonFields config, Map<String, TensorView> stored) {
        long left = stored.keySet().stream().filter(name -> OTHER.matcher(name).matches()).count();
        return left == 0 ? Optional.empty() : Optional.of(config.file() + ": of this " + config.string("model_type") + " the text half is used; " + left
                + " tensors of what sees pictures are left out");
    }
}
