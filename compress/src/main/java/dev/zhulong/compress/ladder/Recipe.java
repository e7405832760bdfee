package dev.zhulong.compress.ladder;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.compress.Precision;
import dev.zhulong.formats.Sizes;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * One way to make a model smaller.
 *
 * @param base      what is quantized: the model, or what was left of it
 * @param fit       how weights are rounded
 * @param precision to quantize to
 * @param types     of tensors that have others than the mix of that
 * @param steps     of training after that; 0 for none
 */
public record Recipe(Base base, Fit fit, Precision precision, Types types, long steps) {
    /**
     * Types that were chosen for a size.
     *
     * @param budget bytes of the file that they were chosen for; 0 for none
     * @param lines  {@code REGEX=TYPE} each
     */
    public record Types(long budget, List<String> lines) {
        /** Those of the mix. */
        static final Types OF_MIX = new Types(0, List.of());

        public Types {
            lines = List.copyOf(lines);
        }
    }

    /** Without training, in the types of the precision's mix. */
    Recipe(Base base, Fit fit, Precision precision) {
        this(base, fit, precision, Types.OF_MIX, 0);
    }

    /**
     * What is quantized.
     *
     * @param trimmed whether the vocabulary is cut to what the texts, and the model where it reads them, have a use for
     * @param layers  that stay and learn from the whole model; 0 for all, which learn nothing
     * @param width   of what stays of each MLP, as a share of 1
     * @param steps   of that training
     */
    public record Base(boolean trimmed, int layers, double width, long steps) {
        /** The model as it was given. */
        static final Base GIVEN = new Base(false, 0, 1, 0);
        /** The model with a part of its vocabulary. */
        static final Base TRIMMED = new Base(true, 0, 1, 0);

        boolean isStudent() {
            return layers > 0;
        }

        /** What a student is cut from and learns from. */
        Base whole() {
            return trimmed ? TRIMMED : GIVEN;
        }

        String words() {
            return (trimmed ? "vocabulary cut, " : "") + (isStudent() ? layers + " layers" + (width < 1 ? String.format(Locale.ROOT, " with %.0f %% of their MLPs", 100 * width) : "")
                    + " distilled for " + steps + " steps, " : "");
        }

        private void write(ObjectNode json) {
            json.put("base", trimmed ? "trimmed" : "given");
            if (isStudent()) {
                json.put("layers", layers).put("width", width).put("distilled_steps", steps);
            }
        }

        private static Base of(JsonNode json) {
            Base whole = switch (json.path("base").asText()) {
                case "given" -> GIVEN;
                case "trimmed" -> TRIMMED;
                default -> throw new IllegalArgumentException("base is '" + json.path("base").asText() + "'");
            };
            return json.has("layers") ? new Base(whole.trimmed, json.path("layers").asInt(), json.path("width").asDouble(), json.path("distilled_steps").asLong()) : whole;
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
        return trained(0);
    }

    /** The same with training. */
    Recipe trained(long updates) {
        return new Recipe(base, fit, precision, types, updates);
    }

    /** In a few words. */
    @Override
    public String toString() {
        return base.words() + (types.budget() == 0 ? precision : "types for " + Sizes.of(types.budget()) + " (mostly " + precision + ")") + fit.words() + (steps == 0 ? "" : ", trained rounded for " + steps + " steps");
    }

    ObjectNode json() {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        base.write(json);
        json.put("fit", lower(fit)).put("precision", precision.toString()).put("steps", steps);
        if (types.budget() > 0) {
            json.put("budget", types.budget());
            ArrayNode lines = json.putArray("types");
            types.lines().forEach(lines::add);
        }
        return json;
    }

    /** @throws IllegalArgumentException for what is no recipe */
    static Recipe of(JsonNode json) {
        List<String> lines = new ArrayList<>();
        json.path("types").forEach(line -> lines.add(line.asText()));
        return new Recipe(Base.of(json), Fit.valueOf(json.path("fit").asText().toUpperCase(Locale.ROOT)),
                Precision.of(json.path("precision").asText()), new Types(json.path("budget").asLong(), lines), json.path("steps").asLong());
    }

    private static String lower(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }
}
