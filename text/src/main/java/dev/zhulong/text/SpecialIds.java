package dev.zhulong.text;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Ids of the tokens that have a part in an encoder's input: as {@code tokenizer_config.json} or {@code special_tokens_map.json} names them, else as
 * {@code tokenizer.json} does by itself (its padding, post-processor and unknown token), else the added token of the usual spelling.
 *
 * @param pad  fills rows up
 * @param mask stands for a token to be guessed
 * @param cls  begins a sequence; its state stands for the whole
 * @param sep  ends a text
 * @param unk  stands for what the vocabulary has not
 */
public record SpecialIds(OptionalInt pad, OptionalInt mask, OptionalInt cls, OptionalInt sep, OptionalInt unk) {
    static SpecialIds of(JsonNode json, JsonNode config, Vocabulary vocabulary) {
        Set<String> added = new HashSet<>();
        json.path("added_tokens").forEach(token -> added.add(token.path("content").asText()));
        JsonNode processor = processor(json.path("post_processor"));
        return new SpecialIds(
                find(config, "pad_token", json.path("padding").path("pad_token"), List.of("[PAD]", "<pad>"), added, vocabulary),
                find(config, "mask_token", null, List.of("[MASK]", "<mask>"), added, vocabulary),
                find(config, "cls_token", processor.path("cls").path(0), List.of("[CLS]", "<s>"), added, vocabulary),
                find(config, "sep_token", processor.path("sep").path(0), List.of("[SEP]", "</s>"), added, vocabulary),
                find(config, "unk_token", json.path("model").path("unk_token"), List.of("[UNK]", "<unk>"), added, vocabulary));
    }

    private static OptionalInt find(JsonNode config, String key, JsonNode own, List<String> usual, Set<String> added, Vocabulary vocabulary) {
        OptionalInt named = TokenizerConfig.special(config, key).map(vocabulary::id).orElse(OptionalInt.empty());
        if (named.isEmpty() && own != null && own.isTextual()) {
            named = vocabulary.id(own.textValue());
        }
        return named.isPresent() ? named : usual.stream().filter(added::contains).map(vocabulary::id).findFirst().orElse(OptionalInt.empty());
    }

    /** The post-processor of a family's own form, which names its tokens. */
    private static JsonNode processor(JsonNode postProcessor) {
        for (JsonNode each : postProcessor.path("processors")) {
            if (each.has("cls")) {
                return each;
            }
        }
        return postProcessor;
    }
}
