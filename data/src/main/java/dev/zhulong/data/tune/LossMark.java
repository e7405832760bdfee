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
 * {@code "train": false} (Axolotl), {@code "loss_mask": 0}, {@code "masked": true} and their like. A name is read by its words, in snake, kebab
 * or camel case: {@code calculate_loss}, {@code shouldTrain} and {@code do_not_train} are understood. Values may be booleans, numbers or text
 * that spells either. A mark that is not understood refuses a turn's row, since learning what was to be left out can't be seen afterwards.
 */
final class LossMark {
    /** False or 0 means: context only. */
    private static final Set<String> LEARNT = Set.of("loss", "lossmask", "lossweight", "lossscale", "train", "training", "trainable",
            "istrainable", "trainon", "learn", "learnable", "weight", "supervised", "computeloss", "useloss");
    /** True or 1 means: context only. */
    private static final Set<String> HIDDEN = Set.of("masked", "ismasked", "noloss", "notrain", "nolearn", "ignoreloss", "ignore", "ignored",
            "muted", "maskloss", "contextonly", "iscontext");
    /** One of these is in every other name of a mark... */
    private static final Set<String> SUBJECTS = Set.of("loss", "train", "training", "trained", "trainable", "learn", "learning", "learned",
            "learnt", "learnable", "weight", "weights", "supervise", "supervised", "supervision", "backprop", "gradient", "grad");
    /** ... with some of these about it, ... */
    private static final Set<String> FILLERS = Set.of("is", "be", "to", "should", "do", "does", "can", "with", "has", "have", "use", "used",
            "compute", "calculate", "calc", "apply", "include", "included", "in", "on", "for", "of", "the", "this", "turn", "message", "mask", "weight",
            "scale", "factor", "multiplier", "coefficient", "requires", "enable", "enabled", "only");
    /** ... or of these, which turn its meaning round or are marks by themselves. */
    private static final Set<String> NEGATIONS = Set.of("no", "not", "non", "dont", "never", "without", "ignore", "ignored", "skip", "skipped",
            "exclude", "excluded", "from", "masked", "mute", "muted", "disable", "disabled", "omit", "omitted");
    private static final Set<String> ALONE = Set.of("skip", "skipped", "exclude", "excluded", "mute", "omit", "omitted");
    /** Marks on parts of a turn, which is learnt as a whole or not at all. */
    private static final Set<String> PARTIAL = Set.of("traindetail", "trainingdetail", "lossspans");
    /** Booleans of turns that are about generation: the answer is to be continued. */
    private static final Set<String> CONTINUED = Set.of("prefix", "partial");
    private static final Map<String, Double> WORDS = Map.of("false", 0.0, "no", 0.0, "off", 0.0, "n", 0.0, "f", 0.0, "true", 1.0, "yes", 1.0,
            "on", 1.0, "y", 1.0, "t", 1.0);
    private static final Pattern JOINTS = Pattern.compile("[_\\-\\s]");
    private static final Pattern WORD_ENDS = Pattern.compile("[_\\-\\s]+|(?<=[a-z])(?=[A-Z])");
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
            Meaning meaning = meaning(field.getKey());
            if (meaning != Meaning.NONE && (isCommon(name) || value(field.getValue()).isPresent())) {
                double value = value(field.getValue()).orElseThrow(() -> notUnderstood(field));
                if (meaning == Meaning.LEARNT) {
                    muted |= value == 0;
                    noteWeight(value, field, notes);
                } else {
                    muted |= value != 0;
                }
            }
        }
        return muted;
    }

    /** Notes fields of a turn that is learnt which may say that it should not be: booleans, masks, and marks inside an object. */
    static void noteDoubts(JsonNode turn, Collection<String> notes) {
        for (Map.Entry<String, JsonNode> field : turn.properties()) {
            JsonNode node = field.getValue();
            boolean doubtful = node.isObject() ? node.properties().stream().anyMatch(inner -> meaning(inner.getKey()) != Meaning.NONE)
                    : !absent(node) && (node.isBoolean() || plain(field.getKey()).contains("mask"));
            if (doubtful && meaning(field.getKey()) == Meaning.NONE && !CONTINUED.contains(field.getKey())) {
                notes.add("a turn's field '" + field.getKey() + "' that is not understood; the turn is learnt");
            }
        }
    }

    /** Gives each of {@code turns} its part of a list that the row has beside them: {@code "loss_mask": [0, 1, 0, 1]}. */
    static void spread(ObjectNode row, JsonNode turns) {
        for (Map.Entry<String, JsonNode> field : row.properties()) {
            JsonNode list = Json.unfolded(field.getValue());
            boolean common = isCommon(plain(field.getKey()));
            if (meaning(field.getKey()) == Meaning.NONE || !list.isArray()
                    || !common && (list.size() != turns.size() || list.valueStream().anyMatch(each -> value(each).isEmpty()))) {
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
            Meaning meaning = meaning(field.getKey());
            if (meaning == Meaning.NONE && !mask || absent(node) || !mask && !isCommon(name) && !isYesOrNo(node) || columns.mapping().containsValue(field.getKey())
                    || isSpread(columns.layout(), node)) {
                continue;
            }
            OptionalDouble value = value(node);
            if (value.isEmpty() || mask) {
                notes.add("a field '" + field.getKey() + "' that is not understood; the row is learnt");
            } else if (meaning == Meaning.LEARNT ? value.getAsDouble() <= 0 : value.getAsDouble() != 0) {
                throw new RowRefused("marked as not to be learnt", "'" + field.getKey() + "': " + node);
            } else if (meaning == Meaning.LEARNT) {
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

    private enum Meaning {
        LEARNT, HIDDEN, NONE
    }

    private static Meaning meaning(String field) {
        String name = plain(field);
        if (isCommon(name)) {
            return LEARNT.contains(name) ? Meaning.LEARNT : Meaning.HIDDEN;
        }
        if (ALONE.contains(name)) {
            return Meaning.HIDDEN;
        }
        boolean hasSubject = false;
        boolean isNegated = false;
        for (String word : WORD_ENDS.split(field)) {
            String lower = word.toLowerCase(Locale.ROOT);
            if (NEGATIONS.contains(lower)) {
                isNegated = true;
            } else if (SUBJECTS.contains(lower)) {
                hasSubject = true;
            } else if (!FILLERS.contains(lower)) {
                return Meaning.NONE;
            }
        }
        return !hasSubject ? Meaning.NONE : isNegated ? Meaning.HIDDEN : Meaning.LEARNT;
    }

    /** Whether a plain name says nothing else, so that any value is meant as a mark. */
    private static boolean isCommon(String name) {
        return LEARNT.contains(name) || HIDDEN.contains(name);
    }

    /** Whether a value is a boolean or the word for one. Beside the example a number may be one that was measured: {@code "train_loss": 0.0}. */
    private static boolean isYesOrNo(JsonNode node) {
        return node.isBoolean() || node.isTextual() && WORDS.containsKey(node.textValue().strip().toLowerCase(Locale.ROOT));
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
