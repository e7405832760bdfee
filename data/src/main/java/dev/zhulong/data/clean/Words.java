package dev.zhulong.data.clean;

import java.lang.Character.UnicodeScript;
import java.util.Arrays;

/**
 * The words of a text as spans {@code [starts[i], ends[i])}, {@code count} of them: runs between white space or the word separators of a
 * script. Scripts that write no spaces give smaller units: every Han, kana or Yi character, and every letter with its marks of the alphabets
 * of South East Asia (Thai, Lao, Khmer, Myanmar and their neighbours). Ideographic and full-width punctuation separates words and is none.
 */
final class Words {
    /** What a span stands for. */
    enum Unit {
        /** A word between spaces. */
        WORD(1),
        /** A Chinese character, a bit less than a word. */
        CHARACTER(1),
        /** A character of Japanese, of which two make a word. */
        KANA(2),
        /** A letter of a script without spaces, of which three or four make a word. */
        LETTER(3.5);

        /** How many of them say as much as a word. */
        final double perWord;

        Unit(double perWord) {
            this.perWord = perWord;
        }
    }

    /** Units of the smaller kinds above this share of all make the text one of theirs. */
    private static final double SHARE = 0.3;
    /** Kana above this share of the characters is Japanese. */
    private static final double KANA_SHARE = 0.1;

    private static final byte PART = 0;
    private static final byte SEPARATOR = 1;
    private static final byte CHARACTER = 2;
    private static final byte KANA = 3;
    private static final byte LETTER = 4;
    /** A mark that belongs to the letter before it. */
    private static final byte MARK = 5;
    /** A mark that also takes the next letter in: Khmer coeng, Myanmar virama, Tai Tham sakot. */
    private static final byte JOINER = 6;
    private static final byte[] KIND = new byte[1 << 16];

    static {
        for (int c = 0; c < KIND.length; c++) {
            KIND[c] = kind((char) c);
        }
    }

    final String text;
    int[] starts = new int[256];
    int[] ends = new int[256];
    int count;
    private int characters;
    private int kana;
    private int letters;

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
                continue;
            }
            byte kind = KIND[c];
            if (kind == PART && !startsHan(text, i)) {
                start = start < 0 ? i : start;
                continue;
            }
            words.add(start, i);
            start = -1;
            switch (kind) {
                case SEPARATOR -> { }
                case LETTER, MARK, JOINER -> {
                    int end = endOfLetter(text, i + 1);
                    words.add(i, end);
                    words.letters++;
                    i = end - 1;
                }
                case PART -> {
                    words.add(i, i + 2);
                    words.characters++;
                    i++;
                }
                default -> {
                    words.add(i, i + 1);
                    words.characters++;
                    words.kana += kind == KANA ? 1 : 0;
                }
            }
        }
        words.add(start, length);
        return words;
    }

    /** Most of the spans decide; rules count in these units. */
    Unit unit() {
        if (letters > SHARE * count) {
            return Unit.LETTER;
        }
        return characters <= SHARE * count ? Unit.WORD : kana > KANA_SHARE * characters ? Unit.KANA : Unit.CHARACTER;
    }

    /** Mean length in UTF-16 units; 0 where there are none. */
    double meanLength() {
        long length = 0;
        for (int i = 0; i < count; i++) {
            length += ends[i] - starts[i];
        }
        return count == 0 ? 0 : (double) length / count;
    }

    /** Whether the character is a letter of a script that writes neither spaces nor, in part, ends of sentences. */
    static boolean isUnspacedLetter(char c) {
        return KIND[c] >= LETTER;
    }

    private static int endOfLetter(String text, int from) {
        int end = from;
        boolean joined = KIND[text.charAt(from - 1)] == JOINER;
        while (end < text.length()) {
            byte kind = KIND[text.charAt(end)];
            if (kind != MARK && kind != JOINER && !(joined && kind == LETTER)) {
                break;
            }
            joined = kind == JOINER;
            end++;
        }
        return end;
    }

    private static boolean startsHan(String text, int at) {
        char c = text.charAt(at);
        return c >= 0xD840 && c < 0xD8C0 && at + 1 < text.length() && Character.isLowSurrogate(text.charAt(at + 1));
    }

    private static byte kind(char c) {
        if (c <= ' ' || c == 0xA0 || Character.isWhitespace(c) || c >= 0x3000 && c < 0x3020 || c >= 0xFF01 && c < 0xFF10
                || c >= 0xFF1A && c < 0xFF21 || c >= 0xFF3B && c < 0xFF41 || c >= 0xFF5B && c < 0xFF66) {
            return SEPARATOR;
        }
        if (c >= 0x4E00 && c < 0xA490 || c >= 0x3400 && c < 0x4DC0 || c >= 0xF900 && c < 0xFB00) {
            return CHARACTER;
        }
        if (c >= 0x3041 && c < 0x3100) {
            return KANA;
        }
        // Ethiopic word spaces and Tibetan syllable marks stand where others write a space
        if (c >= 0x1361 && c < 0x1369 || c >= 0x0F0B && c < 0x0F13 || c == 0x200B) {
            return SEPARATOR;
        }
        return switch (UnicodeScript.of(c)) {
            case THAI, LAO, KHMER, MYANMAR, TAI_LE, NEW_TAI_LUE, TAI_THAM, TAI_VIET, JAVANESE, BALINESE -> unspaced(c);
            default -> PART;
        };
    }

    private static byte unspaced(char c) {
        if (c == 0x17D2 || c == 0x1039 || c == 0x1A60) {
            return JOINER;
        }
        return switch (Character.getType(c)) {
            case Character.NON_SPACING_MARK, Character.COMBINING_SPACING_MARK -> MARK;
            case Character.OTHER_PUNCTUATION -> SEPARATOR;
            default -> LETTER;
        };
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
