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
    private static final Set<String> TAGS = Set.of("label", "ktotag", "desirable", "isdesirable");
    /** A boolean false is a no; numbers and texts may be classes, scores or choices. */
    private static final Set<String> GOOD = Set.of("preferred", "ispreferred", "accepted", "isaccepted", "correct", "iscorrect", "thumbsup", "good",
            "isgood", "rating", "score", "reward", "feedback", "verdict", "vote");
    /** Booleans that are true of a bad answer. */
    private static final Set<String> BAD = Set.of("rejected", "isrejected", "undesirable", "isundesirable", "bad", "isbad", "thumbsdown");
    private static final Set<String> NO = Set.of("bad", "rejected", "reject", "undesirable", "negative", "thumbs_down", "thumbs down", "dislike",
            "wrong", "incorrect", "down", "downvote");

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
            String name = LossMark.plain(field.getKey());
            JsonNode node = field.getValue();
            if (!isNo(name, node) || columns.mapping().containsValue(field.getKey())) {
                continue;
            }
            boolean number = !node.isBoolean() && LossMark.value(node).isPresent() && !Character.isLetter(node.asText().strip().charAt(0));
            boolean clear = TAGS.contains(name) ? !number || !name.equals("label") : node.isBoolean() || BAD.contains(name);
            if (clear && columns.layout() != Layout.TEXT) {
                throw new RowRefused("marked as a bad answer", "'" + field.getKey() + "': " + node);
            }
            notes.add("'" + field.getKey() + "' may mark a bad answer; the row is learnt");
        }
    }

    private static boolean isNo(String name, JsonNode node) {
        if (BAD.contains(name)) {
            // a text is an answer
            return node.isBoolean() && node.booleanValue();
        }
        if (!TAGS.contains(name) && !GOOD.contains(name) || LossMark.absent(node)) {
            return false;
        }
        OptionalDouble value = LossMark.value(node);
        return value.isPresent() ? value.getAsDouble() <= 0 : node.isTextual() && NO.contains(node.textValue().strip().toLowerCase(Locale.ROOT));
    }
}
