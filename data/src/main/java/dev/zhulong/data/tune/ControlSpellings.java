package dev.zhulong.data.tune;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/** How control tokens are spelled ({@code added_tokens} of a {@code tokenizer.json}); a tokenizer gives no text for them. */
final class ControlSpellings {
    private ControlSpellings() { }

    /** Id to spelling, of a model directory or a {@code tokenizer.json}. */
    static Map<Integer, String> of(Path model) {
        Path file = Files.isDirectory(model) ? model.resolve("tokenizer.json") : model;
        var spellings = new HashMap<Integer, String>();
        try {
            for (JsonNode token : new ObjectMapper().readTree(Files.readAllBytes(file)).path("added_tokens")) {
                spellings.put(token.path("id").intValue(), token.path("content").asText());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(file + ": cannot be read: " + e.getMessage(), e);
        }
        return spellings;
    }
}
