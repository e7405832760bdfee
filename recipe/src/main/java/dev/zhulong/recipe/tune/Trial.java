package dev.zhulong.recipe.tune;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.formats.AtomicFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * One candidate's training in one round: {@code trial.json}.
 *
 * @param candidate   number, from 0, which is the recipe as it is
 * @param round       from 0
 * @param overrides   of the recipe, as on the command line
 * @param steps       trained
 * @param tokens      read
 * @param seconds     it took, evaluation included
 * @param bitsPerByte of the held-out text; infinite if it failed
 * @param failure     why there is no result; empty if there is one
 */
record Trial(int candidate, int round, List<String> overrides, long steps, long tokens, double seconds, double bitsPerByte, String failure) {
    private static final String FILE = "trial.json";
    private static final ObjectMapper JSON = new ObjectMapper();

    boolean failed() {
        return !failure.isEmpty();
    }

    /** The candidate's values in words. */
    String values() {
        return overrides.isEmpty() ? "the recipe as it is" : String.join(" ", overrides);
    }

    void write(Path directory) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("candidate", candidate);
        fields.put("round", round);
        fields.put("overrides", overrides);
        fields.put("steps", steps);
        fields.put("tokens", tokens);
        fields.put("seconds", seconds);
        if (failed()) {
            fields.put("failure", failure);
        } else {
            fields.put("bits_per_byte", bitsPerByte);
        }
        try {
            AtomicFile.writeString(directory.resolve(FILE), JSON.writerWithDefaultPrettyPrinter().writeValueAsString(fields) + "\n");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static Optional<Trial> read(Path directory) {
        Path file = directory.resolve(FILE);
        if (!Files.isRegularFile(file)) {
            return Optional.empty();
        }
        try {
            JsonNode json = JSON.readTree(file.toFile());
            List<String> overrides = new ArrayList<>();
            json.required("overrides").forEach(o -> overrides.add(o.asText()));
            String failure = json.path("failure").asText("");
            return Optional.of(new Trial(json.required("candidate").asInt(), json.required("round").asInt(), List.copyOf(overrides),
                    json.required("steps").asLong(), json.required("tokens").asLong(), json.required("seconds").asDouble(),
                    failure.isEmpty() ? json.required("bits_per_byte").asDouble() : Double.POSITIVE_INFINITY, failure));
        } catch (IOException | IllegalArgumentException e) {
            throw new IllegalArgumentException(file + " can't be read (" + e.getMessage() + "): delete it and the trial runs again", e);
        }
    }
}
