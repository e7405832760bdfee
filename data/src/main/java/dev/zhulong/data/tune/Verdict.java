package dev.zhulong.data.tune;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Collection;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;

/**
 * Fields by which a row says that its answer is a bad one, as unpaired preference data do (TRL's {@code label}, LLaMA-Factory's
 * {@code kto_tag}). Such an answer is no example to imitate. A clear no refuses the row; what may as well be a class or a score is noted.
 */
final class Verdict {
    /** Of unpaired preference data: any spelling of no is one. */
    private static final Set<String> TAGS = Set.of("label", "ktotag", "ktolabel", "desirable", "isdesirable");
    /** A boolean false is a no; numbers and texts may be classes, scores or choices. */
    private static final Set<String> GOOD = Set.of("preferred", "ispreferred", "accepted", "isaccepted", "correct", "iscorrect", "thumbsup",
            "good", "isgood", "chosen", "ischosen", "approved", "isapproved", "liked", "isliked", "like", "preference", "thumbs", "rating", "score",
            "reward", "feedback", "verdict", "vote", "quality");
    /** Booleans that are true of a bad answer. */
    private static final Set<String> BAD = Set.of("rejected", "isrejected", "undesirable", "isundesirable", "bad", "isbad", "thumbsdown",
            "incorrect", "isincorrect", "wrong", "iswrong", "disliked", "isdisliked", "dislike");
    /** A false one may as well be about the prompt or about how the row was made. */
    private static final Set<String> PERHAPS_GOOD = Set.of("valid", "isvalid", "positive", "ispositive", "helpful", "ishelpful", "safe", "issafe",
            "ok", "keep", "use");
    /** And a true one. */
    private static final Set<String> PERHAPS_BAD = Set.of("negative", "isnegative", "invalid", "isinvalid", "harmful", "isharmful", "unsafe",
            "isunsafe", "toxic", "istoxic", "deleted", "isdeleted");
    private static final Set<String> NO = Set.of("bad", "rejected", "reject", "undesirable", "negative", "thumbs_down", "thumbs down", "dislike",
            "wrong", "incorrect", "down", "downvote", "disliked", "👎");

    private Verdict() { }

    /**
     * Refuses a row whose answer is marked as bad.
     *
     * @param columns of the row; a pair has its bad answer on purpose, and beside plain text a label is a class
     * @param notes   gets what may be such a mark
     */
    static void check(ObjectNode row, Columns columns, Collection<String> notes) {
        if (columns.layout() == Layout.PREFERENCE) {
            return;
        }
        for (Map.Entry<String, JsonNode> field : row.properties()) {
            if (!isNo(field) || columns.mapping().containsValue(field.getKey())) {
                continue;
            }
            if (isClear(field) && columns.layout() != Layout.TEXT) {
                throw new RowRefused("marked as a bad answer", "'" + field.getKey() + "': " + field.getValue());
            }
            notes.add("'" + field.getKey() + "' may mark a bad answer; the row is used");
        }
    }

    /** Whether a turn is marked as a bad one; it stays context. */
    static boolean mutes(JsonNode turn) {
        return turn.properties().stream().anyMatch(field -> isNo(field) && isClear(field));
    }

    /** Whether a no can't as well be a class, a score or a choice. */
    private static boolean isClear(Map.Entry<String, JsonNode> field) {
        String name = LossMark.plain(field.getKey());
        JsonNode node = field.getValue();
        if (PERHAPS_GOOD.contains(name) || PERHAPS_BAD.contains(name)) {
            return false;
        }
        boolean number = !node.isBoolean() && LossMark.value(node).isPresent() && !Character.isLetter(node.asText().strip().charAt(0));
        boolean sentiment = node.isTextual() && node.textValue().strip().equalsIgnoreCase("negative");
        return TAGS.contains(name) ? !name.equals("label") || !number && !sentiment : node.isBoolean();
    }

    private static boolean isNo(Map.Entry<String, JsonNode> field) {
        String name = LossMark.plain(field.getKey());
        JsonNode node = field.getValue();
        if (PERHAPS_GOOD.contains(name)) {
            return node.isBoolean() && !node.booleanValue();
        }
        if (BAD.contains(name) || PERHAPS_BAD.contains(name)) {
            // a text is an answer
            return node.isBoolean() && node.booleanValue();
        }
        if (!TAGS.contains(name) && !GOOD.contains(name) || LossMark.absent(node)) {
            return false;
        }
        OptionalDouble value = LossMark.value(node);
        if (value.isPresent()) {
            return value.getAsDouble() <= 0 && !Double.isInfinite(value.getAsDouble());
        }
        return node.isTextual() && NO.contains(node.textValue().strip().toLowerCase(Locale.ROOT));
    }
}
