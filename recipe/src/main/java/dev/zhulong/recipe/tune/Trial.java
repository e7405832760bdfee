package dev.zhulong.recipe.tune;

import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.JsonFile;
import java.nio.file.Files;
import java.nio.file.Path;
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
 * @param score       of what is held out, lower being better; infinite if it failed
 * @param measure     what the score counts, in words; empty if it failed
 * @param failure     why there is no result; empty if there is one
 */
record Trial(int candidate, int round, List<String> overrides, long steps, long tokens, double seconds, double score, String measure, String failure) {
    private static final String FILE = "trial.json";
    private static final String BITS = "bits a byte";
    private static final String BITS_FIELD = "bits_per_byte";

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
            fields.put(measure.equals(BITS) ? BITS_FIELD : "score", score);
            fields.put("measure", measure);
        }
        JsonFile.write(directory.resolve(FILE), fields);
    }

    static Optional<Trial> read(Path directory) {
        Path file = directory.resolve(FILE);
        if (!Files.isRegularFile(file)) {
            return Optional.empty();
        }
        try {
            JsonFields json = JsonFields.read(file);
            String failure = json.text("failure").orElse("");
            return Optional.of(new Trial(json.integer("candidate", 0, Integer.MAX_VALUE), json.integer("round", 0, Integer.MAX_VALUE),
                    json.strings("overrides"), json.whole("steps"), json.whole("tokens"), json.number("seconds"),
                    failure.isEmpty() ? json.number(json.has(BITS_FIELD) ? BITS_FIELD : "score") : Double.POSITIVE_INFINITY,
                    failure.isEmpty() ? json.text("measure").orElse(BITS) : "", failure));
        } catch (FormatException e) {
            throw new IllegalArgumentException(e.getMessage() + ": delete it and the trial runs again", e);
        }
    }
}
