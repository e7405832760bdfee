package dev.zhulong.data.label;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.text.tags.EntitySpan;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Rows in CLUENER's form (Xu et al. 2020): a {@code text}, and a {@code label} that lists the places of each entity by type and text,
 * {@code {"name": {"叶老桂": [[9, 11]]}}}, first and last code point, both inclusive. Each character is a word; white space is none.
 */
final class PlacedEntities {
    private PlacedEntities() {}

    /** Whether a row, which has no list of words, is in this form. */
    static boolean areIn(ObjectNode row, String wordsColumn) {
        return !row.has(wordsColumn) && row.path("text").isTextual() && row.path("label").isObject();
    }

    /** The characters of a row with their tags in IOB2; null, and the row refused, where an entity is not at its place or two share a character. */
    static TaggedWords read(RowFields fields) {
        String text = fields.text("text");
        if (text == null) {
            return null;
        }
        int[] characters = text.codePoints().toArray();
        // of each character the word it is, or the next one
        int[] wordAt = new int[characters.length + 1];
        List<String> words = new ArrayList<>();
        for (int i = 0; i < characters.length; i++) {
            wordAt[i] = words.size();
            if (!Character.isWhitespace(characters[i]) && !Character.isSpaceChar(characters[i])) {
                words.add(Character.toString(characters[i]));
            }
        }
        wordAt[characters.length] = words.size();
        List<EntitySpan> entities = new ArrayList<>();
        boolean[] taken = new boolean[words.size()];
        for (Map.Entry<String, JsonNode> type : fields.row().fields().path("label").properties()) {
            for (Map.Entry<String, JsonNode> entity : type.getValue().properties()) {
                for (JsonNode place : entity.getValue()) {
                    String problem = place(type.getKey(), entity.getKey(), place, characters, wordAt, taken, entities);
                    if (problem != null) {
                        return fields.refuse(problem, "'" + entity.getKey() + "' (" + type.getKey() + ") at " + place);
                    }
                }
            }
        }
        return new TaggedWords(fields.row().where(), words, EntitySpan.iob2(entities, words.size()));
    }

    /** Adds an entity, or says what is wrong with it. */
    private static String place(String type, String name, JsonNode place, int[] characters, int[] wordAt, boolean[] taken, List<EntitySpan> into) {
        if (!place.isArray() || place.size() != 2 || !place.get(0).canConvertToInt() || !place.get(1).canConvertToInt()) {
            return "a place is not a first and a last character";
        }
        int from = place.get(0).asInt();
        int to = place.get(1).asInt();
        if (from < 0 || to < from || to >= characters.length || !new String(characters, from, to - from + 1).equals(name)) {
            return "an entity is not at its place (first and last character, from 0)";
        }
        int first = wordAt[from];
        int last = wordAt[to + 1] - 1;
        if (last < first) {
            return "an entity of white space";
        }
        for (int i = first; i <= last; i++) {
            if (taken[i]) {
                return "two entities share a character, and a character has one tag";
            }
            taken[i] = true;
        }
        into.add(new EntitySpan(type, first, last));
        return null;
    }
}
