package dev.zhulong.recipe;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.formats.JsonFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * A finished run's loss on everything held out: {@code evaluation.json}. Documents are packed into rows of {@code window} tokens that do
 * not overlap; each token but the first of its document is predicted once, from what precedes it in its row and document.
 *
 * @param meanNll     nats a token
 * @param tokens      predicted
 * @param bitsPerByte of the text
 * @param window      tokens a row
 */
public record FinalEvaluation(double meanNll, long tokens, double bitsPerByte, int window) {
    static final String FILE = "evaluation.json";
    /** The same of the model that a continued run began with. */
    static final String BEFORE = "evaluation-before.json";

    /** One line for the terminal. */
    public String text() {
        return String.format(Locale.ROOT, "loss %.4f nats a token over all %,d tokens, %.4f bits a byte, windows of %d",
                meanNll, tokens, bitsPerByte, window);
    }

    void write(Path file) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("mean_nll", meanNll);
        fields.put("tokens", tokens);
        fields.put("perplexity", Math.exp(meanNll));
        fields.put("bits_per_byte", bitsPerByte);
        fields.put("window", window);
        JsonFile.write(file, fields);
    }

    static Optional<FinalEvaluation> read(Path file) {
        if (!Files.isRegularFile(file)) {
            return Optional.empty();
        }
        try {
            JsonNode json = new ObjectMapper().readTree(file.toFile());
            return Optional.of(new FinalEvaluation(json.required("mean_nll").asDouble(), json.required("tokens").asLong(),
                    json.required("bits_per_byte").asDouble(), json.required("window").asInt()));
        } catch (IOException e) {
            throw new UncheckedIOException(file + " can't be read", e);
        }
    }
}
