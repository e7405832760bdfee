package dev.zhulong.formats.embedding;

import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.ModelDirectory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * How a cross-encoder, a classifier of pairs with one output, makes a score of its logit, as sentence-transformers' {@code CrossEncoder} reads it. The activation
 * is {@code activation_fn} of {@code config_sentence_transformers.json}, else {@code sentence_transformers.activation_fn} or, before version 4,
 * {@code sbert_ce_default_activation_function} of {@code config.json}; where none says, a sigmoid.
 *
 * @param maxTokens longest pair, special tokens included, by {@code model_max_length} of the tokenizer; empty where it says none
 */
public record ScoreConfig(Activation activation, OptionalInt maxTokens) {
    private static final String TOKENIZER = "tokenizer_config.json";
    /** Tokenizers without a limit state 1e30. */
    private static final double NO_LIMIT = 1 << 24;

    /** What a logit passes. */
    public enum Activation {
        /** A score from 0 to 1. */
        SIGMOID,
        /** The logit itself. */
        IDENTITY;

        /** Of a logit. */
        public double of(double logit) {
            return this == SIGMOID ? 1 / (1 + Math.exp(-logit)) : logit;
        }

        /** In files of ours: {@code sigmoid}, {@code identity}. */
        public String id() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * What a directory says.
     *
     * @param network folder of the network, which may be the directory itself
     * @throws FormatException where a file is malformed or names another activation
     */
    public static ScoreConfig read(Path directory, Path network) {
        JsonFields config = JsonFields.read(network.resolve(ModelDirectory.CONFIG));
        Optional<Activation> activation = file(directory.resolve(EmbeddingConfigFiles.CONFIG)).flatMap(own -> activation(own, "activation_fn"))
                .or(() -> config.object("sentence_transformers").flatMap(own -> activation(own, "activation_fn")))
                .or(() -> activation(config, "sbert_ce_default_activation_function"));
        return new ScoreConfig(activation.orElse(Activation.SIGMOID), file(network.resolve(TOKENIZER)).map(ScoreConfig::maxTokens).orElse(OptionalInt.empty()));
    }

    private static Optional<JsonFields> file(Path file) {
        return Files.exists(file) ? Optional.of(JsonFields.read(file)) : Optional.empty();
    }

    private static Optional<Activation> activation(JsonFields own, String field) {
        return own.text(field).map(name -> switch (name) {
            case "torch.nn.modules.activation.Sigmoid", "torch.nn.Sigmoid" -> Activation.SIGMOID;
            case "torch.nn.modules.linear.Identity", "torch.nn.Identity" -> Activation.IDENTITY;
            default -> throw own.wrong(field, "torch.nn.modules.activation.Sigmoid or torch.nn.modules.linear.Identity, since no other is implemented",
                    FormatException.quote(name));
        });
    }

    private static OptionalInt maxTokens(JsonFields tokenizer) {
        if (!tokenizer.isSet("model_max_length")) {
            return OptionalInt.empty();
        }
        double most = tokenizer.number("model_max_length");
        return most >= 1 && most <= NO_LIMIT ? OptionalInt.of((int) most) : OptionalInt.empty();
    }
}
