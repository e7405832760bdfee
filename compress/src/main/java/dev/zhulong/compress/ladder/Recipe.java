package dev.zhulong.compress.ladder;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.compress.Precision;
import java.util.Locale;

/**
 * One way to make a model smaller.
 *
 * @param base      what is quantized: the model, or what was left of it
 * @param fit       how weights are rounded
 * @param precision to quantize to
 * @param steps     of training after that; 0 for none
 */
public record Recipe(Base base, Fit fit, Precision precision, long steps) {
    /** What is quantized. */
    public enum Base {
        /** The model as it was given. */
        GIVEN,
        /** The model with the part of its vocabulary that the texts, and the model where it reads them, have a use for. */
        TRIMMED;

        String words() {
            return this == GIVEN ? "" : "vocabulary cut, ";
        }
    }

    /** How weights are rounded. */
    public enum Fit {
        /** Each group of weights by itself. */
        PLAIN,
        /** What is multiplied by large inputs weighs more. */
        IMPORTANCE,
        /** A column's error is made good by the columns after it (GPTQ). */
        FEEDBACK;

        String words() {
            return switch (this) {
                case PLAIN -> "";
                case IMPORTANCE -> " by importance";
                case FEEDBACK -> " with error feedback";
            };
        }
    }

    /** The same without training: what training begins with. */
    Recipe untrained() {
        return new Recipe(base, fit, precision, 0);
    }

    /** The same with training. */
    Recipe trained(long updates) {
        return new Recipe(base, fit, precision, updates);
    }

    /** In a few words. */
    @Override
    public String toString() {
        return base.words() + precision + fit.words() + (steps == 0 ? "" : ", trained rounded for " + steps + " steps");
    }

    ObjectNode json() {
        return JsonNodeFactory.instance.objectNode().put("base", lower(base)).put("fit", lower(fit)).put("precision", precision.toString()).put("steps", steps);
    }

    /** @throws IllegalArgumentException for what is no recipe */
    static Recipe of(JsonNode json) {
        return new Recipe(Base.valueOf(json.path("base").asText().toUpperCase(Locale.ROOT)), Fit.valueOf(json.path("fit").asText().toUpperCase(Locale.ROOT)),
                Precision.of(json.path("precision").asText()), json.path("steps").asLong());
    }

    private static String lower(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }
}
