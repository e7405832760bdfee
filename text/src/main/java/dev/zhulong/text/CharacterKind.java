package dev.zhulong.text;

/** The classes that pre-tokenizer expressions tell apart: {@code \p{L}}, {@code \p{N}}, {@code \s}, CR and LF, everything else. */
final class CharacterKind {
    static final int OTHER = 0;
    static final int LETTER = 1;
    static final int NUMBER = 2;
    static final int SPACE = 3;
    static final int NEWLINE = 4;

    private static final byte[] KIND = new byte[0x10000];

    static {
        for (int c = 0; c < KIND.length; c++) {
            KIND[c] = (byte) classify(c);
        }
    }

    private CharacterKind() {
    }

    static int of(int codePoint) {
        return codePoint < KIND.length ? KIND[codePoint] : classify(codePoint);
    }

    private static int classify(int c) {
        if (c == '\r' || c == '\n') {
            return NEWLINE;
        }
        // Unicode's White_Space property, which Java's own isWhitespace is not.
        if (c >= 0x09 && c <= 0x0D || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 || c >= 0x2000 && c <= 0x200A || c == 0x2028
                || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000) {
            return SPACE;
        }
        return switch (Character.getType(c)) {
            case Character.UPPERCASE_LETTER, Character.LOWERCASE_LETTER, Character.TITLECASE_LETTER, Character.MODIFIER_LETTER,
                 Character.OTHER_LETTER -> LETTER;
            case Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER -> NUMBER;
            default -> OTHER;
        };
    }
}
