package dev.zhulong.data.clean;

import java.util.BitSet;

/**
 * Counts the sentences of a text by the marks that end them, in every script: the property Sentence_Terminal of Unicode's {@code PropList.txt}
 * (UAX #44), Tibetan shad and the sign that Bengali and Assamese texts use for the danda. Thai, Lao and their neighbours end sentences with a
 * space, as they do phrases; there a space or line end behind at least {@link #PHRASE} letters counts. Ethiopic texts also write two word
 * spaces or colons for their full stop.
 */
final class SentenceEnds {
    private static final int PHRASE = 15;
    /** Beyond ASCII, in the Basic Multilingual Plane. */
    private static final BitSet MARKS = new BitSet(1 << 16);

    static {
        int[][] ranges = {{0x589, 0x589}, {0x61D, 0x61F}, {0x6D4, 0x6D4}, {0x700, 0x702}, {0x7F9, 0x7F9}, {0x837, 0x837}, {0x839, 0x839},
            {0x83D, 0x83E}, {0x964, 0x965}, {0x9F7, 0x9F7}, {0xF0D, 0xF12}, {0x104A, 0x104B}, {0x1362, 0x1362}, {0x1367, 0x1368},
            {0x166E, 0x166E}, {0x1735, 0x1736}, {0x17D4, 0x17D5}, {0x1803, 0x1803}, {0x1809, 0x1809}, {0x1944, 0x1945}, {0x1AA8, 0x1AAB},
            {0x1B5A, 0x1B5B}, {0x1B5E, 0x1B5F}, {0x1C3B, 0x1C3C}, {0x1C7E, 0x1C7F}, {0x203C, 0x203D}, {0x2047, 0x2049}, {0x2CF9, 0x2CFB},
            {0x3002, 0x3002}, {0xA4FF, 0xA4FF}, {0xA60E, 0xA60F}, {0xA6F3, 0xA6F3}, {0xA6F7, 0xA6F7}, {0xA876, 0xA877}, {0xA8CE, 0xA8CF},
            {0xA92F, 0xA92F}, {0xA9C8, 0xA9C9}, {0xAA5D, 0xAA5F}, {0xAAF0, 0xAAF1}, {0xABEB, 0xABEB}, {0xFE52, 0xFE52}, {0xFE56, 0xFE57},
            {0xFF01, 0xFF01}, {0xFF0E, 0xFF0E}, {0xFF1F, 0xFF1F}, {0xFF61, 0xFF61}};
        for (int[] range : ranges) {
            MARKS.set(range[0], range[1] + 1);
        }
    }

    private SentenceEnds() {
    }

    static int count(String text) {
        int sentences = 0;
        int phrase = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c >= '0' && c <= '9' || c >= 'a' && c <= 'z') {
                continue;
            }
            if (Words.isUnspacedLetter(c)) {
                phrase++;
                continue;
            }
            if (phrase > 0 && Lines.isSpace(c)) {
                sentences += phrase >= PHRASE ? 1 : 0;
                phrase = 0;
            }
            if (isEthiopicStop(text, i)) {
                sentences++;
                i++;
            } else if (c < 0x80) {
                // an ellipsis is none
                if (c == '.' && text.startsWith("...", i)) {
                    i += 2;
                } else if ((c == '.' || c == '!' || c == '?') && endsHere(text, i + 1)) {
                    sentences++;
                }
            } else if (MARKS.get(c) || Character.isHighSurrogate(c) && Character.getType(text.codePointAt(i)) == Character.OTHER_PUNCTUATION) {
                sentences++;
            }
        }
        return sentences + (phrase >= PHRASE ? 1 : 0);
    }

    private static boolean isEthiopicStop(String text, int at) {
        char c = text.charAt(at);
        return (c == ':' || c == '\u1361') && at > 0 && at + 1 < text.length() && text.charAt(at + 1) == c
                && text.charAt(at - 1) >= 0x1200 && text.charAt(at - 1) < 0x1380;
    }

    private static boolean endsHere(String text, int next) {
        if (next == text.length() || Lines.isSpace(text.charAt(next))) {
            return true;
        }
        char c = text.charAt(next);
        int type = Character.getType(c);
        return c == '"' || c == '\'' || type == Character.END_PUNCTUATION || type == Character.FINAL_QUOTE_PUNCTUATION;
    }
}
