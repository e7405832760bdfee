package dev.zhulong.data.clean;

import java.util.Arrays;

/**
 * The words of a text as spans {@code [starts[i], ends[i])}, {@code count} of them: runs between white space, and every Han, kana or Thai
 * character by itself. Ideographic and full-width punctuation separates words and is none.
 */
final class Words {

    final String text;
    int[] starts = new int[256];
    int[] ends = new int[256];
    int count;
    /** How many of the words are single characters of a script without spaces. */
    int characters;

    private Words(String text) {
        this.text = text;
    }

    static Words of(String text) {
        var words = new Words(text);
        int length = text.length();
        int start = -1;
        for (int i = 0; i < length; i++) {
            char c = text.charAt(i);
            if (c > ' ' && c < 0x80) {
                start = start < 0 ? i : start;
            } else if (c <= ' ' || isSeparator(c)) {
                words.add(start, i);
                start = -1;
            } else if (Script.isWordByItself(c)) {
                words.add(start, i);
                words.add(i, i + 1);
                words.characters++;
                start = -1;
            } else if (c >= 0xD840 && c < 0xD8C0 && i + 1 < length && Character.isLowSurrogate(text.charAt(i + 1))) {
                words.add(start, i);
                words.add(i, i + 2);
                words.characters++;
                start = -1;
                i++;
            } else {
                start = start < 0 ? i : start;
            }
        }
        words.add(start, length);
        return words;
    }

    /** True if the text is mostly in a script without spaces, so that rules count characters as words. */
    boolean countsCharacters() {
        return characters > 0.3 * count;
    }

    private static boolean isSeparator(char c) {
        return c >= 0x3000 && c < 0x3020 || c >= 0xFF01 && c < 0xFF10 || c >= 0xFF1A && c < 0xFF21 || c >= 0xFF3B && c < 0xFF41
                || c >= 0xFF5B && c < 0xFF66 || Character.isWhitespace(c) || c == 0xA0;
    }

    private void add(int start, int end) {
        if (start < 0 || start >= end) {
            return;
        }
        if (count == starts.length) {
            starts = Arrays.copyOf(starts, 2 * count);
            ends = Arrays.copyOf(ends, 2 * count);
        }
        starts[count] = start;
        ends[count++] = end;
    }
}
