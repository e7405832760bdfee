package dev.zhulong.data.clean;

/** The writing system of a letter, coarse and fast: by block for the common ones. */
enum Script {
    NONE, LATIN, HAN, KANA, HANGUL, CYRILLIC, GREEK, ARABIC, HEBREW, THAI, DEVANAGARI, OTHER;

    boolean isIdeographic() {
        return this == HAN || this == KANA || this == HANGUL;
    }

    /** The script of a letter, {@link #NONE} for anything else; a high surrogate of a Han plane counts as Han. */
    static Script of(char c) {
        if (c < 0x80) {
            return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' ? LATIN : NONE;
        }
        if (c >= 0x4E00 && c < 0xA000 || c >= 0x3400 && c < 0x4DC0 || c >= 0xF900 && c < 0xFB00 || c >= 0xD840 && c < 0xD8C0) {
            return HAN;
        }
        if (!Character.isLetter(c)) {
            return NONE;
        }
        if (c < 0x250 || c >= 0x1E00 && c < 0x1F00) {
            return LATIN;
        }
        if (c >= 0x3041 && c < 0x3100) {
            return KANA;
        }
        if (c >= 0xAC00 && c < 0xD7B0 || c >= 0x1100 && c < 0x1200 || c >= 0x3130 && c < 0x3190) {
            return HANGUL;
        }
        if (c >= 0x400 && c < 0x530) {
            return CYRILLIC;
        }
        if (c >= 0x370 && c < 0x400 || c >= 0x1F00 && c < 0x2000) {
            return GREEK;
        }
        if (c >= 0x600 && c < 0x780 || c >= 0xFB50 && c < 0xFDFF || c >= 0xFE70 && c < 0xFEFF) {
            return ARABIC;
        }
        if (c >= 0x590 && c < 0x600) {
            return HEBREW;
        }
        if (c >= 0xE00 && c < 0xE80) {
            return THAI;
        }
        return c >= 0x900 && c < 0x980 ? DEVANAGARI : OTHER;
    }
}
