package dev.zhulong.data.tune;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Collection;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Fields by which a turn or a row says that it is not to be learnt: {@code "loss": false} (XTuner, ms-swift), {@code "weight": 0} (OpenAI),
 * {@code "train": false} (Axolotl), {@code "loss_mask": 0}, {@code "masked": true} and their like. Values may be booleans, numbers or text
 * that spells either; names may be written in camel case. A mark that is not understood refuses a turn's row, since learning what was to be
 * left out can't be seen afterwards.
 */
final class LossMark {
    /** False or 0 means: context only. */
    private static final Set<String> LEARNT = Set.of("loss", "lossmask", "lossweight", "lossscale", "train", "training", "trainable",
            "istrainable", "trainon", "learn", "learnable", "weight", "supervised", "computeloss", "useloss");
    /** True or 1 means: context only. */
    private static final Set<String> HIDDEN = Set.of("masked", "ismasked", "noloss", "notrain", "nolearn", "ignoreloss", "ignore", "ignored",
            "muted");
    /** Marks on parts of a turn, which is learnt as a whole or not at all. */
    private static final Set<String> PARTIAL = Set.of("traindetail", "trainingdetail", "lossspans");
    private static final Map<String, Double> WORDS = Map.of("false", 0.0, "no", 0.0, "off", 0.0, "n", 0.0, "f", 0.0, "true", 1.0, "yes", 1.0,
            "on", 1.0, "y", 1.0, "t", 1.0);
    private static final Pattern JOINTS = Pattern.compile("[_\\-\\s]");
    private static final Pattern NUMBER = Pattern.compile("[+-]?(\\d+\\.?\\d*|\\.\\d+)([eE][+-]?\\d{1,3})?");

    private LossMark() { }

    /**
     * Whether {@code turn} is context only.
     *
     * @param notes gets what is odd but usable
     * @throws RowRefused where a mark is not understood
     */
    static boolean mutes(JsonNode turn, Collection<String> notes) {
        boolean muted = false;
        for (Map.Entry<String, JsonNode> field : turn.properties()) {
            String name = plain(field.getKey());
            if (absent(field.getValue())) {
                continue;
            }
            if (name.equals("mask") || PARTIAL.contains(name)) {
                throw new RowRefused("a turn's '" + field.getKey() + "' is not understood", "exclude a turn from training with \"loss\": false");
            }
            if (LEARNT.contains(name) || HIDDEN.contains(name)) {
                double value = value(field.getValue()).orElseThrow(() -> notUnderstood(field));
                if (LEARNT.contains(name)) {
                    muted |= value == 0;
                    noteWeight(value, field, notes);
                } else {
                    muted |= value != 0;
                }
            }
        }
        return muted;
    }

    /** Gives each of {@code turns} its part of a list that the row has beside them: {@code "loss_mask": [0, 1, 0, 1]}. */
    static void spread(ObjectNode row, JsonNode turns) {
        for (Map.Entry<String, JsonNode> field : row.properties()) {
            JsonNode list = Json.unfolded(field.getValue());
            if (!isMark(field.getKey()) || !list.isArray()) {
                continue;
            }
            if (list.size() != turns.size()) {
                throw notUnderstood(field);
            }
            for (int i = 0; i < list.size(); i++) {
                if (turns.get(i) instanceof ObjectNode turn) {
                    turn.set(field.getKey(), list.get(i));
                }
            }
        }
    }

    /**
     * Refuses a row that says so of itself.
     *
     * @param notes gets marks that are not understood; beside the example such a field may be about anything
     */
    static void check(ObjectNode row, Columns columns, Collection<String> notes) {
        for (Map.Entry<String, JsonNode> field : row.properties()) {
            String name = plain(field.getKey());
            JsonNode node = field.getValue();
            boolean mask = name.equals("mask") && !node.asText().toLowerCase(Locale.ROOT).matches("user|human");
            if (!isMark(field.getKey()) && !mask || absent(node) || columns.mapping().containsValue(field.getKey())
                    || isSpread(columns.layout(), node)) {
                continue;
            }
            OptionalDouble value = value(node);
            if (value.isEmpty() || mask) {
                notes.add("a field '" + field.getKey() + "' that is not understood; the row is learnt");
            } else if (LEARNT.contains(name) ? value.getAsDouble() <= 0 : value.getAsDouble() != 0) {
                throw new RowRefused("marked as not to be learnt", "'" + field.getKey() + "': " + node);
            } else if (LEARNT.contains(name)) {
                noteWeight(value.getAsDouble(), field, notes);
            }
        }
    }

    private static boolean isSpread(Layout layout, JsonNode node) {
        return (layout == Layout.MESSAGES || layout == Layout.SHAREGPT) && Json.unfolded(node).isArray();
    }

    /** A boolean or number, or one spelt as text; true is 1. */
    static OptionalDouble value(JsonNode node) {
        if (node.isBoolean()) {
            return OptionalDouble.of(node.booleanValue() ? 1 : 0);
        }
        if (node.isNumber()) {
            return OptionalDouble.of(node.doubleValue());
        }
        if (!node.isTextual()) {
            return OptionalDouble.empty();
        }
        String text = node.textValue().strip().toLowerCase(Locale.ROOT);
        if (WORDS.containsKey(text)) {
            return OptionalDouble.of(WORDS.get(text));
        }
        return NUMBER.matcher(text).matches() ? OptionalDouble.of(Double.parseDouble(text)) : OptionalDouble.empty();
    }

    /** A name in lower case without what joins its words: {@code loss_mask} and {@code lossMask} are one. */
    static String plain(String name) {
        boolean isPlain = name.chars().allMatch(c -> c >= 'a' && c <= 'z');
        return isPlain ? name : JOINTS.matcher(name.toLowerCase(Locale.ROOT)).replaceAll("");
    }

    /** Whether a field says nothing: null, NaN or blank, as empty cells of tables come. */
    static boolean absent(JsonNode node) {
        return Json.isMissing(node) || node.isTextual() && node.textValue().isBlank();
    }

    private static boolean isMark(String name) {
        return LEARNT.contains(plain(name)) || HIDDEN.contains(plain(name));
    }

    private static void noteWeight(double value, Map.Entry<String, JsonNode> field, Collection<String> notes) {
        if (value < 0) {
            throw new RowRefused("a negative weight", "'" + field.getKey() + "': " + field.getValue());
        }
        if (value != 0 && value != 1) {
            notes.add("a weight other than 0 and 1, taken for 1");
        }
    }

    private static RowRefused notUnderstood(Map.Entry<String, JsonNode> field) {
        return new RowRefused("a mark of what is to be learnt is not understood", "'" + field.getKey() + "': " + field.getValue());
    }
}
