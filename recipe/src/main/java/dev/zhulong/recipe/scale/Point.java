package dev.zhulong.recipe.scale;

import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.JsonFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * A trained rung of the ladder: {@code point.json}.
 *
 * @param rung    what was trained
 * @param weights that a token is multiplied with, the head's included
 * @param tokens  trained on
 * @param loss    nats a token of what is held out
 * @param seconds of training and evaluation
 */
record Point(Rung rung, long weights, long tokens, double loss, double seconds) {
    private static final String FILE = "point.json";
    /** Products of a token with a weight: one forward, two backward, an addition to each (Kaplan et al. 2020). */
    static final double OPERATIONS = 6;

    /** Floating-point operations of training it. */
    double operations() {
        return OPERATIONS * weights * tokens;
    }

    void write(Path directory) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("rung", rung.toString());
        fields.put("weights", weights);
        fields.put("tokens", tokens);
        fields.put("loss", loss);
        fields.put("seconds", seconds);
        JsonFile.write(directory.resolve(FILE), fields);
    }

    static Optional<Point> read(Path directory) {
        Path file = directory.resolve(FILE);
        if (!Files.isRegularFile(file)) {
            return Optional.empty();
        }
        try {
            JsonFields json = JsonFields.read(file);
            return Optional.of(new Point(Rung.parse(json.string("rung")), json.whole("weights"), json.whole("tokens"), json.number("loss"), json.number("seconds")));
        } catch (FormatException e) {
            throw new IllegalArgumentException(e.getMessage() + ": delete it and the model is trained again", e);
        }
    }
}
