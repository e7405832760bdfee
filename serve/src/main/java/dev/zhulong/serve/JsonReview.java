package dev.zhulong.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.Map;
import java.util.function.UnaryOperator;

/** Looks at the strings of JSON as what they spell, which escapes hide in its text. */
final class JsonReview {
    /** Something in it may not be told. */
    static final class Blocked extends RuntimeException {
        private static final long serialVersionUID = 1;

        Blocked() {
            super(null, null, false, false);
        }
    }

    private JsonReview() {}

    /**
     * The text of a JSON value with its strings as they may be told; the text itself where nothing is changed, or where it is no JSON and may be told as it
     * stands.
     *
     * @throws Blocked where something may not be told
     */
    static String of(String text, TextFilter filter) {
        JsonNode tree = Json.parse(text);
        if (tree == null || tree.isMissingNode()) {
            // cut off, so that its strings cannot be told apart: what its escapes hide keeps it back
            if (text.indexOf('\\') >= 0 && !filter.allows(text)) {
                filter.whole(text);
                throw new Blocked();
            }
            return whole(text, filter);
        }
        JsonNode told = each(tree, string -> whole(string, filter));
        return told.equals(tree) ? text : Json.text(told);
    }

    /** The same value with its strings, keys among them, as {@code review} has them; a number that it changes becomes a string. */
    static JsonNode each(JsonNode node, UnaryOperator<String> review) {
        if (node.isNumber()) {
            String told = review.apply(node.toString());
            return told.equals(node.toString()) ? node : TextNode.valueOf(told);
        }
        if (node.isTextual()) {
            return TextNode.valueOf(review.apply(node.textValue()));
        }
        if (node instanceof ArrayNode array) {
            ArrayNode told = array.arrayNode(array.size());
            array.forEach(element -> told.add(each(element, review)));
            return told;
        }
        if (node instanceof ObjectNode object) {
            ObjectNode told = Json.object();
            for (Map.Entry<String, JsonNode> field : object.properties()) {
                told.set(review.apply(field.getKey()), each(field.getValue(), review));
            }
            return told;
        }
        return node;
    }

    private static String whole(String text, TextFilter filter) {
        String told = filter.whole(text);
        if (told == null) {
            throw new Blocked();
        }
        return told;
    }
}
