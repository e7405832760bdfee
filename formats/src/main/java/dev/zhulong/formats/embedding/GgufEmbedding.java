package dev.zhulong.formats.embedding;

import dev.zhulong.formats.embedding.EmbeddingConfig.Normalize;
import dev.zhulong.formats.embedding.ScoreConfig.Activation;
import dev.zhulong.formats.gguf.GgufMetadata;
import dev.zhulong.formats.gguf.GgufValue;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * How vectors are made of an encoder's states, and scores of its logits, as keys of a GGUF file. llama.cpp knows one of three poolings
 * ({@code pooling_type}) and leaves the length of vectors to who asks; what a directory says besides stands in keys of our own. A file of another
 * program gives vectors of length 1, as llama.cpp's programs do by themselves.
 */
public final class GgufEmbedding {
    private static final String POOLING_TYPE = "pooling_type";
    /** Numbers of {@code pooling_type}. */
    private static final Map<Pooling, Integer> TYPES = Map.of(Pooling.MEAN, 1, Pooling.CLS, 2, Pooling.LAST, 3);
    private static final int RANK = 4;
    private static final String OWN = "zhulong.embedding.";
    private static final String POOLING = OWN + "pooling";
    private static final String NORMALIZE = OWN + "normalize";
    private static final String MAX_TOKENS = OWN + "max_tokens";
    private static final String LOWERCASE = OWN + "lowercase";
    private static final String INCLUDE_PROMPT = OWN + "include_prompt";
    private static final String PROMPT_NAMES = OWN + "prompt_names";
    private static final String PROMPTS = OWN + "prompts";
    private static final String DEFAULT_PROMPT = OWN + "default_prompt";
    private static final String SIMILARITY = OWN + "similarity";
    private static final String SCORE = "zhulong.score.activation";
    private static final String SCORE_TOKENS = "zhulong.score.max_tokens";
    private static final int MOST_TOKENS = 1 << 24;

    private GgufEmbedding() {}

    /**
     * The keys of what a directory says.
     *
     * @param score        of a cross-encoder; empty of others
     * @param architecture of the file
     * @throws IllegalArgumentException where it has a dense layer behind the pooling, for which GGUF has no place
     */
    public static Map<String, GgufValue> write(EmbeddingConfig config, Optional<ScoreConfig> score, String architecture) {
        boolean normalizes = config.normalizes();
        if (config.steps().size() > (normalizes ? 1 : 0)) {
            throw new IllegalArgumentException("GGUF has no place for what stands behind the pooling here (" + config.describe() + "): use the directory");
        }
        Map<String, GgufValue> keys = new LinkedHashMap<>();
        Integer type = score.isPresent() ? Integer.valueOf(RANK) : config.pooling().size() == 1 ? TYPES.get(config.pooling().getFirst()) : null;
        keys.put(architecture + "." + POOLING_TYPE, GgufValue.of(type == null ? 0 : type));
        keys.put(POOLING, GgufValue.of(config.pooling().stream().map(Pooling::id).toList()));
        keys.put(NORMALIZE, GgufValue.of(normalizes));
        config.maxTokens().ifPresent(tokens -> keys.put(MAX_TOKENS, GgufValue.of(tokens)));
        keys.put(LOWERCASE, GgufValue.of(config.lowercase()));
        keys.put(INCLUDE_PROMPT, GgufValue.of(config.includePrompt()));
        if (!config.prompts().isEmpty()) {
            keys.put(PROMPT_NAMES, GgufValue.of(List.copyOf(config.prompts().keySet())));
            keys.put(PROMPTS, GgufValue.of(List.copyOf(config.prompts().values())));
        }
        config.defaultPrompt().ifPresent(name -> keys.put(DEFAULT_PROMPT, GgufValue.of(name)));
        keys.put(SIMILARITY, GgufValue.of(config.similarity()));
        score.ifPresent(own -> {
            keys.put(SCORE, GgufValue.of(own.activation().id()));
            own.maxTokens().ifPresent(tokens -> keys.put(SCORE_TOKENS, GgufValue.of(tokens)));
        });
        return keys;
    }

    /**
     * What a file says of its vectors.
     *
     * @throws dev.zhulong.formats.FormatException where a key is malformed or asks for what is not implemented; names it
     */
    public static EmbeddingConfig read(GgufMetadata metadata) {
        String key = metadata.architecture() + "." + POOLING_TYPE;
        int type = metadata.integer(key, 0, RANK, 0);
        List<Pooling> pooling = new ArrayList<>();
        if (metadata.has(POOLING)) {
            for (String id : metadata.texts(POOLING)) {
                pooling.add(Pooling.of(id).orElseThrow(() -> metadata.wrong(POOLING, "of " + String.join(", ", Pooling.ids()))));
            }
        } else {
            TYPES.forEach((each, number) -> {
                if (number == type) {
                    pooling.add(each);
                }
            });
        }
        Map<String, String> prompts = new LinkedHashMap<>();
        List<String> names = metadata.has(PROMPT_NAMES) ? metadata.texts(PROMPT_NAMES) : List.of();
        List<String> texts = metadata.has(PROMPTS) ? metadata.texts(PROMPTS) : List.of();
        if (names.size() != texts.size()) {
            throw metadata.wrong(PROMPTS, names.size() + " texts, one of each name");
        }
        for (int i = 0; i < names.size(); i++) {
            prompts.put(names.get(i), texts.get(i));
        }
        Optional<String> prompt = metadata.text(DEFAULT_PROMPT);
        if (prompt.isPresent() && !prompts.containsKey(prompt.get())) {
            throw metadata.wrong(DEFAULT_PROMPT, "one of the prompts " + prompts.keySet());
        }
        return new EmbeddingConfig(true, "", tokens(metadata, MAX_TOKENS), metadata.flag(LOWERCASE, false), pooling.isEmpty() ? List.of(Pooling.MEAN) : pooling,
                metadata.flag(INCLUDE_PROMPT, true), OptionalInt.empty(), metadata.flag(NORMALIZE, true) ? List.of(new Normalize()) : List.of(), prompts, prompt,
                metadata.text(SIMILARITY).orElse("cosine"));
    }

    /** How a cross-encoder's file makes a score of its logit; by a sigmoid where it does not say. */
    public static ScoreConfig score(GgufMetadata metadata) {
        Activation activation = metadata.text(SCORE).map(id -> switch (id) {
            case "sigmoid" -> Activation.SIGMOID;
            case "identity" -> Activation.IDENTITY;
            default -> throw metadata.wrong(SCORE, "sigmoid or identity");
        }).orElse(Activation.SIGMOID);
        return new ScoreConfig(activation, tokens(metadata, SCORE_TOKENS));
    }

    private static OptionalInt tokens(GgufMetadata metadata, String key) {
        return metadata.has(key) ? OptionalInt.of(metadata.integer(key, 1, MOST_TOKENS)) : OptionalInt.empty();
    }
}
