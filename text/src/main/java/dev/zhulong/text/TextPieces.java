package dev.zhulong.text;

/**
 * The tokens of a text, and where in it they lie; all arrays {@code [tokens]}.
 *
 * @param ids   of the tokens
 * @param from  first UTF-16 unit of each; tokens that share a character (bytes of it) share its span
 * @param to    behind the last one
 * @param words number of the word, as the pre-tokenizer cuts, that each is a part of, from 0
 */
public record TextPieces(int[] ids, int[] from, int[] to, int[] words) {
    /** The same behind a token that {@code length} units of the text before them are. */
    TextPieces behind(int id, int length) {
        return new TextPieces(before(ids, id, 0), before(from, 0, length), before(to, length, length), before(words, 0, 0));
    }

    private static int[] before(int[] values, int first, int shift) {
        int[] all = new int[values.length + 1];
        all[0] = first;
        for (int i = 0; i < values.length; i++) {
            all[i + 1] = values[i] + shift;
        }
        return all;
    }

    /** The same, with spans that count code points made to count UTF-16 units. */
    TextPieces inUnitsOf(String text) {
        int points = text.codePointCount(0, text.length());
        if (points == text.length()) {
            return this;
        }
        int[] units = new int[points + 1];
        for (int point = 0, unit = 0; point < points; point++) {
            units[point] = unit;
            unit += Character.charCount(text.codePointAt(unit));
        }
        units[points] = text.length();
        int[] begin = new int[ids.length];
        int[] end = new int[ids.length];
        for (int i = 0; i < ids.length; i++) {
            begin[i] = units[from[i]];
            end[i] = units[to[i]];
        }
        return new TextPieces(ids, begin, end, words);
    }

    /** The same, without the spaces that spans begin or end with. */
    TextPieces withoutSpaces(String text) {
        int[] begin = from.clone();
        int[] end = to.clone();
        for (int i = 0; i < ids.length; i++) {
            while (begin[i] < end[i] && text.charAt(begin[i]) == ' ') {
                begin[i]++;
            }
            while (end[i] > begin[i] && text.charAt(end[i] - 1) == ' ') {
                end[i]--;
            }
        }
        return new TextPieces(ids, begin, end, words);
    }
}
