package dev.zhulong.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What a model directory says of its tokenizer beside {@code tokenizer.json}: {@code tokenizer_config.json} and, where that has no
 * {@code added_tokens_decoder}, the older files {@code special_tokens_map.json}, whose names come first, and {@code added_tokens.json}. The order
 * is that of transformers' {@code PreTrainedTokenizerBase._from_pretrained}.
 */
public final class TokenizerConfig {
    public static final String FILE = "tokenizer_config.json";
    /** The files that a tokenizer consists of, without its templates. */
    public static final List<String> FILES = List.of("tokenizer.json", FILE, "special_tokens_map.json", "added_tokens.json", "spiece.model",
            "sentencepiece.bpe.model", "source.spm", "target.spm", "vocab.json");
    /** Keys that name a token. */
    public static final List<String> SPECIALS = List.of("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token");
    private static final String SPECIAL_TOKENS = "special_tokens_map.json";
    private static final String ADDED_TOKENS = "added_tokens.json";
    private static final String DECODER = "added_tokens_decoder";

    private TokenizerConfig() {}

    /**
     * The merged configuration of a directory; empty where it has none of the files.
     *
     * @throws IllegalArgumentException where a file is malformed; names it
     */
    public static ObjectNode read(Path directory) {
        ObjectNode config = object(directory.resolve(FILE));
        if (config.has(DECODER)) {
            return config;
        }
        config.setAll(object(directory.resolve(SPECIAL_TOKENS)));
        Set<String> named = new HashSet<>();
        SPECIALS.forEach(key -> special(config, key).ifPresent(named::add));
        for (String key : List.of("additional_special_tokens", "extra_special_tokens")) {
            config.path(key).forEach(token -> named.add((token.isObject() ? token.path("content") : token).asText()));
        }
        ObjectNode decoder = JsonNodeFactory.instance.objectNode();
        object(directory.resolve(ADDED_TOKENS)).properties().forEach(entry -> decoder.putObject(entry.getValue().asText())
                .put("content", entry.getKey()).put("special", named.contains(entry.getKey())).put("normalized", !named.contains(entry.getKey())));
        if (!decoder.isEmpty()) {
            config.set(DECODER, decoder);
        }
        return config;
    }

    private static ObjectNode object(Path file) {
        return Files.exists(file) ? HuggingFaceTokenizer.read(file) : JsonNodeFactory.instance.objectNode();
    }

    /** The spelling of the token that {@code key} names, as a text or as an object with its content. */
    public static Optional<String> special(JsonNode config, String key) {
        JsonNode token = config.path(key).isObject() ? config.path(key).path("content") : config.path(key);
        return token.isTextual() && !token.textValue().isEmpty() ? Optional.of(token.textValue()) : Optional.empty();
    }

    /**
     * {@code tokenizer}, a whole {@code tokenizer.json}, with the added tokens that only {@code config} knows: those of
     * {@code added_tokens_decoder}, and the tokens that it names, the vocabulary has, and that are spelled as marks.
     */
    static ObjectNode withAddedTokens(ObjectNode tokenizer, JsonNode config) {
        Set<String> known = new HashSet<>();
        Set<Integer> taken = new HashSet<>();
        tokenizer.path("added_tokens").forEach(token -> {
            known.add(token.path("content").asText());
            taken.add(token.path("id").asInt());
        });
        List<ObjectNode> missing = new ArrayList<>();
        config.path(DECODER).properties().forEach(entry -> {
            String content = entry.getValue().path("content").asText();
            if (entry.getKey().matches("\\d{1,9}") && !content.isEmpty() && !known.contains(content) && taken.add(Integer.parseInt(entry.getKey()))) {
                known.add(content);
                missing.add(token(Integer.parseInt(entry.getKey()), content, entry.getValue()));
            }
        });
        Map<String, Integer> vocabulary = new HashMap<>();
        for (String key : List.of("bos_token", "eos_token", "pad_token")) {
            special(config, key).filter(content -> !known.contains(content) && NativeTokenizer.isSpelledAsMark(content)).ifPresent(content -> {
                if (vocabulary.isEmpty()) {
                    vocabulary.putAll(ids(tokenizer.path("model").path("vocab")));
                }
                if (vocabulary.containsKey(content) && known.add(content)) {
                    missing.add(token(vocabulary.get(content), content, JsonNodeFactory.instance.objectNode().put("special", true)));
                }
            });
        }
        if (missing.isEmpty()) {
            return tokenizer;
        }
        ObjectNode whole = tokenizer.deepCopy();
        ArrayNode added = whole.path("added_tokens").isArray() ? (ArrayNode) whole.path("added_tokens") : whole.putArray("added_tokens");
        missing.forEach(added::add);
        return whole;
    }

    private static ObjectNode token(int id, String content, JsonNode flags) {
        ObjectNode token = JsonNodeFactory.instance.objectNode().put("id", id).put("content", content);
        for (String flag : List.of("single_word", "lstrip", "rstrip", "normalized", "special")) {
            token.put(flag, flags.path(flag).asBoolean(false));
        }
        return token;
    }

    private static Map<String, Integer> ids(JsonNode vocab) {
        Map<String, Integer> ids = new HashMap<>();
        if (vocab.isArray()) {
            for (int id = 0; id < vocab.size(); id++) {
                ids.putIfAbsent(vocab.path(id).path(0).asText(), id);
            }
        } else {
            vocab.properties().forEach(entry -> ids.put(entry.getKey(), entry.getValue().asInt()));
        }
        return ids;
    }
}
