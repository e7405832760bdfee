package dev.zhulong.text.tags;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * One entity of a sentence.
 *
 * @param type such as {@code PER}; {@code _} where the tags name none
 * @param from its first token
 * @param to   its last token, inclusive
 */
public record EntitySpan(String type, int from, int to) {
    /**
     * The entities of a sentence as conlleval, and seqeval in its default mode, find them whatever the scheme: an I- that continues nothing
     * begins an entity, a change of type ends one, and so do E- and S-.
     */
    public static List<EntitySpan> lenient(List<String> tags) {
        List<EntitySpan> spans = new ArrayList<>();
        char before = 'O';
        String type = "";
        int from = 0;
        for (int i = 0; i <= tags.size(); i++) {
            String tag = i == tags.size() ? "O" : tags.get(i);
            char mark = tag.charAt(0);
            String own = tag.length() > 2 && tag.charAt(1) == '-' ? tag.substring(2) : tag.equals("O") ? "" : "_";
            if (ends(before, mark, type, own)) {
                spans.add(new EntitySpan(type, from, i - 1));
            }
            if (begins(before, mark, type, own)) {
                from = i;
            }
            before = mark;
            type = own;
        }
        return spans;
    }

    private static boolean ends(char before, char mark, String type, String own) {
        return before == 'E' || before == 'S' || (before == 'B' || before == 'I') && (mark == 'B' || mark == 'S' || mark == 'O')
                || before != 'O' && before != '.' && !type.equals(own);
    }

    private static boolean begins(char before, char mark, String type, String own) {
        return mark == 'B' || mark == 'S' || (before == 'E' || before == 'S' || before == 'O') && (mark == 'E' || mark == 'I')
                || mark != 'O' && mark != '.' && !type.equals(own);
    }

    /** Tags of {@code tokens} tokens in {@link TagScheme#IOB2} that spell these entities, which do not overlap. */
    public static List<String> iob2(List<EntitySpan> entities, int tokens) {
        List<String> tags = new ArrayList<>(Collections.nCopies(tokens, "O"));
        for (EntitySpan entity : entities) {
            for (int i = entity.from; i <= entity.to; i++) {
                tags.set(i, (i == entity.from ? "B-" : "I-") + entity.type);
            }
        }
        return tags;
    }
}
