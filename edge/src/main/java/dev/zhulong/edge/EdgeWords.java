package dev.zhulong.edge;

import java.util.Arrays;

/** How byte-level BPE cuts text before it merges, scanned by hand, under llama.cpp's names ({@code tokenizer.ggml.pre}); and its spelling of bytes as characters. */
final class EdgeWords {
    private static final int OTHER = 0;
    private static final int LETTER = 1;
    private static final int NUMBER = 2;
    private static final int WHITE = 3;
    private static final int LINE = 4;

    /** Of the 256 bytes, and back; -1 for what spells none. */
    private static final char[] SPELLED = new char[256];
    private static final short[] BYTES = new short[0x144];

    static {
        Arrays.fill(BYTES, (short) -1);
        char next = 0x100;
        for (int b = 0; b < 256; b++) {
            boolean visible = b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE;
            SPELLED[b] = visible ? (char) b : next++;
            BYTES[SPELLED[b]] = (short) b;
        }
    }

    /** Digits of a number that stay together; 0 for GPT-2's expression, which keeps all. */
    private final int digits;
    private final boolean wholeFirst;
    private final boolean composes;
    private final boolean addsBos;

    private EdgeWords(int digits, boolean wholeFirst, boolean composes, boolean addsBos) {
        this.digits = digits;
        this.wholeFirst = wholeFirst;
        this.composes = composes;
        this.addsBos = addsBos;
    }

    /** Null where the name is not known. */
    static EdgeWords named(String name) {
        switch (name) {
            case "gpt-2":
            case "phi-2":
                return new EdgeWords(0, false, false, false);
            case "qwen2":
                return new EdgeWords(1, false, true, false);
            case "deepseek-r1-qwen":
                return new EdgeWords(1, false, false, false);
            case "llama-bpe":
            case "llama3":
            case "llama-v3":
                return new EdgeWords(3, true, false, true);
            case "dbrx":
            case "smaug-bpe":
                return new EdgeWords(3, false, false, false);
            default:
                return null;
        }
    }

    static String names() {
        return "gpt-2, phi-2, qwen2, deepseek-r1-qwen, llama-bpe, llama3, llama-v3, dbrx, smaug-bpe";
    }

    /** Whether a word that is a token goes before merges. */
    boolean wholeFirst() {
        return wholeFirst;
    }

    boolean composes() {
        return composes;
    }

    /** Whether sequences begin with BOS where the file does not say. */
    boolean addsBos() {
        return addsBos;
    }

    static char spelled(int b) {
        return SPELLED[b];
    }

    /** The bytes that a spelling stands for; its UTF-8 where some character stands for none. */
    static byte[] bytes(String spelling) {
        byte[] out = new byte[spelling.length()];
        for (int i = 0; i < out.length; i++) {
            int b = spelling.charAt(i) < BYTES.length ? BYTES[spelling.charAt(i)] : -1;
            if (b < 0) {
                return EdgeUtf8.bytes(spelling);
            }
            out[i] = (byte) b;
        }
        return out;
    }

    /** Where the word ends that begins at {@code start}. */
    int end(byte[] text, int start, int limit) {
        return digits == 0 ? endOfGpt2(text, start, limit) : endOfCode(text, start, limit);
    }

    private static int endOfGpt2(byte[] text, int start, int limit) {
        int first = at(text, start);
        int end = first == '\'' ? contraction(text, start, limit, false) : -1;
        if (end > 0) {
            return end;
        }
        int from = first == ' ' && start + 1 < limit ? start + 1 : start;
        int kind = kind(at(text, from));
        return kind != WHITE && kind != LINE ? run(text, from, limit, kind, Integer.MAX_VALUE) : spaces(text, start, limit);
    }

    private int endOfCode(byte[] text, int start, int limit) {
        int first = at(text, start);
        int kind = kind(first);
        int contracted = first == '\'' ? contraction(text, start, limit, true) : -1;
        if (contracted > 0) {
            return contracted;
        }
        if (kind == LETTER) {
            return run(text, start, limit, kind, Integer.MAX_VALUE);
        }
        if (kind == NUMBER) {
            return run(text, start, limit, kind, digits);
        }
        int second = start + length(first);
        int secondKind = second < limit ? kind(at(text, second)) : -1;
        if (kind != LINE && secondKind == LETTER) {
            return run(text, second, limit, LETTER, Integer.MAX_VALUE);
        }
        int marks = first == ' ' && secondKind == OTHER ? second : start;
        if (kind == OTHER || marks == second) {
            int end = run(text, marks, limit, OTHER, Integer.MAX_VALUE);
            while (end < limit && (text[end] == '\r' || text[end] == '\n')) {
                end++;
            }
            return end;
        }
        int lastLine = -1;
        for (int p = start; p < limit; ) {
            int c = at(text, p);
            int k = kind(c);
            if (k == LINE) {
                lastLine = p;
            } else if (k != WHITE) {
                break;
            }
            p += length(c);
        }
        return lastLine >= 0 ? lastLine + 1 : spaces(text, start, limit);
    }

    /** All of the white space at a text's end; elsewhere without its last character. */
    private static int spaces(byte[] text, int start, int limit) {
        int last = start;
        for (int p = start; p < limit; ) {
            int c = at(text, p);
            int kind = kind(c);
            if (kind != WHITE && kind != LINE) {
                return last > start ? last : p;
            }
            last = p;
            p += length(c);
        }
        return limit;
    }

    private static int run(byte[] text, int start, int limit, int kind, int most) {
        int p = start;
        for (int n = 0; p < limit && n < most; n++) {
            int c = at(text, p);
            if (kind(c) != kind) {
                break;
            }
            p += length(c);
        }
        return p;
    }

    /** Behind {@code 's 't 're 've 'm 'll 'd}, or -1. Without case, U+017F is an s. */
    private static int contraction(byte[] text, int start, int limit, boolean anyCase) {
        int p = start + 1;
        if (p >= limit) {
            return -1;
        }
        if (anyCase && p + 1 < limit && text[p] == (byte) 0xC5 && text[p + 1] == (byte) 0xBF) {
            return p + 2;
        }
        if (text[p] < 0) {
            return -1;
        }
        int a = anyCase ? text[p] | 0x20 : text[p];
        if (a == 's' || a == 't' || a == 'm' || a == 'd') {
            return p + 1;
        }
        if (p + 1 >= limit || text[p + 1] < 0) {
            return -1;
        }
        int b = anyCase ? text[p + 1] | 0x20 : text[p + 1];
        return (a == 'r' || a == 'v') && b == 'e' || a == 'l' && b == 'l' ? p + 2 : -1;
    }

    private static int at(byte[] text, int p) {
        int b = text[p];
        if (b >= 0) {
            return b;
        }
        if (b < (byte) 0xE0) {
            return (b & 0x1F) << 6 | text[p + 1] & 0x3F;
        }
        if (b < (byte) 0xF0) {
            return (b & 0x0F) << 12 | (text[p + 1] & 0x3F) << 6 | text[p + 2] & 0x3F;
        }
        return (b & 0x07) << 18 | (text[p + 1] & 0x3F) << 12 | (text[p + 2] & 0x3F) << 6 | text[p + 3] & 0x3F;
    }

    private static int length(int codePoint) {
        return codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;
    }

    private static int kind(int c) {
        if (c == '\r' || c == '\n') {
            return LINE;
        }
        // Unicode's White_Space, which Java's own is not
        if (c >= 0x09 && c <= 0x0D || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 || c >= 0x2000 && c <= 0x200A || c == 0x2028 || c == 0x2029 || c == 0x202F
                || c == 0x205F || c == 0x3000) {
            return WHITE;
        }
        switch (Character.getType(c)) {
            case Character.UPPERCASE_LETTER:
            case Character.LOWERCASE_LETTER:
            case Character.TITLECASE_LETTER:
            case Character.MODIFIER_LETTER:
            case Character.OTHER_LETTER:
                return LETTER;
            case Character.DECIMAL_DIGIT_NUMBER:
            case Character.LETTER_NUMBER:
            case Character.OTHER_NUMBER:
                return NUMBER;
            default:
                return OTHER;
        }
    }
}
