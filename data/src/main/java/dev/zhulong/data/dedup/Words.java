package dev.zhulong.data.dedup;

/**
 * Cuts text into words for comparison and hashes each: runs of letters, digits and combining marks in lower case; in scripts written
 * without spaces (Han, kana, Thai, Lao, Khmer, Myanmar) every character is a word of its own. Everything else only separates.
 */
final class Words {
    /** Class of each BMP character: separator, part of a word, word by itself. Asking {@link Character} each time costs five times as much. */
    private static final byte[] KIND = new byte[1 << 16];
    private static final char[] LOWER = new char[1 << 16];
    private static final byte SEPARATOR = 0;
    private static final byte LETTER = 1;
    private static final byte WHOLE = 2;

    static {
        for (int c = 0; c < 1 << 16; c++) {
            KIND[c] = kind(c);
            int lower = Character.toLowerCase(c);
            LOWER[c] = lower < 1 << 16 ? (char) lower : (char) c;
        }
    }

    private Words() { }

    /** Told the 64-bit hash of each word in turn. */
    @FunctionalInterface
    interface Sink {
        void word(long hash);
    }

    static void forEach(String text, Sink sink) {
        long hash = 0;
        int length = text.length();
        for (int i = 0; i < length; i++) {
            int c = text.charAt(i);
            byte kind = KIND[c];
            if (kind == LETTER) {
                hash = (hash ^ LOWER[c]) * 0x9E3779B97F4A7C15L + 1;
                continue;
            }
            if (hash != 0) {
                sink.word(Hash64.mix(hash));
                hash = 0;
            }
            if (kind == WHOLE) {
                sink.word(Hash64.mix(c));
            } else if (Character.isHighSurrogate((char) c) && i + 1 < length) {
                int point = text.codePointAt(i);
                if (point > 0xffff) {
                    i++;
                    // Han beyond the BMP, and letters of the rarer alphabets, which are few enough to be words by themselves.
                    if (kind(point) != SEPARATOR) {
                        sink.word(Hash64.mix(point));
                    }
                }
            }
        }
        if (hash != 0) {
            sink.word(Hash64.mix(hash));
        }
    }

    private static byte kind(int point) {
        int type = Character.getType(point);
        boolean mark = type == Character.NON_SPACING_MARK || type == Character.COMBINING_SPACING_MARK;
        if (Character.isLetterOrDigit(point) || mark) {
            return switch (Character.UnicodeScript.of(point)) {
                case HAN, HIRAGANA, KATAKANA, THAI, LAO, KHMER, MYANMAR -> WHOLE;
                default -> LETTER;
            };
        }
        return SEPARATOR;
    }
}
