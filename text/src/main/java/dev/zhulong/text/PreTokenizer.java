package dev.zhulong.text;

import java.util.Optional;

/**
 * Cuts UTF-8 text into the pre-tokens that byte-level BPE merges within. Each constant is one published regular expression, scanned by
 * hand: Java's and the tokenizers library's expression engines differ in letter case folding and in their Unicode tables, and a scanner is
 * many times faster than either.
 */
public enum PreTokenizer {
    /** Radford et al. 2019. */
    GPT2("'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", Integer.MAX_VALUE),
    /** Qwen2: each digit by itself. */
    QWEN2(Expression.CODE.formatted("\\p{N}"), 1),
    /** Llama 3, after GPT-4's cl100k: digits in groups of up to three. The trainer's choice: it groups indentation and line ends well. */
    LLAMA3(Expression.CODE.formatted("\\p{N}{1,3}"), 3);

    private final String regex;
    private final int digits;

    PreTokenizer(String regex, int digits) {
        this.regex = regex;
        this.digits = digits;
    }

    /** The expression as a {@code tokenizer.json} spells it. */
    public String regex() {
        return regex;
    }

    /** The constant whose expression is exactly {@code regex}. */
    static Optional<PreTokenizer> of(String regex) {
        for (PreTokenizer each : values()) {
            if (each.regex.equals(regex)) {
                return Optional.of(each);
            }
        }
        return Optional.empty();
    }

    /** End of the pre-token that starts at {@code start}; {@code text} is valid UTF-8 up to {@code limit} and {@code start < limit}. */
    int end(byte[] text, int start, int limit) {
        return this == GPT2 ? endGpt2(text, start, limit) : endCode(text, start, limit);
    }

    private static int endGpt2(byte[] text, int start, int limit) {
        int first = at(text, start);
        if (first == '\'') {
            int end = contraction(text, start, limit, false);
            if (end > 0) {
                return end;
            }
        }
        int from = first == ' ' && start + 1 < limit ? start + 1 : start;
        int kind = CharacterKind.of(at(text, from));
        if (kind != CharacterKind.SPACE && kind != CharacterKind.NEWLINE) {
            return run(text, from, limit, kind, Integer.MAX_VALUE);
        }
        return spaces(text, start, limit);
    }

    private int endCode(byte[] text, int start, int limit) {
        int first = at(text, start);
        int kind = CharacterKind.of(first);
        if (first == '\'') {
            int end = contraction(text, start, limit, true);
            if (end > 0) {
                return end;
            }
        }
        if (kind == CharacterKind.LETTER) {
            return run(text, start, limit, kind, Integer.MAX_VALUE);
        }
        if (kind == CharacterKind.NUMBER) {
            return run(text, start, limit, kind, digits);
        }
        int second = start + length(first);
        int secondKind = second < limit ? CharacterKind.of(at(text, second)) : -1;
        if (kind != CharacterKind.NEWLINE && secondKind == CharacterKind.LETTER) {
            return run(text, second, limit, CharacterKind.LETTER, Integer.MAX_VALUE);
        }
        int marks = first == ' ' && secondKind == CharacterKind.OTHER ? second : start;
        if (kind == CharacterKind.OTHER || marks == second) {
            int end = run(text, marks, limit, CharacterKind.OTHER, Integer.MAX_VALUE);
            while (end < limit && (text[end] == '\r' || text[end] == '\n')) {
                end++;
            }
            return end;
        }
        int lastNewline = -1;
        for (int p = start; p < limit;) {
            int c = at(text, p);
            int k = CharacterKind.of(c);
            if (k == CharacterKind.NEWLINE) {
                lastNewline = p;
            } else if (k != CharacterKind.SPACE) {
                break;
            }
            p += length(c);
        }
        return lastNewline >= 0 ? lastNewline + 1 : spaces(text, start, limit);
    }

    /** {@code \s+(?!\S)|\s+}: all of a run of white space at the text's end; elsewhere the run without its last character. */
    private static int spaces(byte[] text, int start, int limit) {
        int p = start;
        int last = start;
        while (p < limit) {
            int c = at(text, p);
            int kind = CharacterKind.of(c);
            if (kind != CharacterKind.SPACE && kind != CharacterKind.NEWLINE) {
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
            if (CharacterKind.of(c) != kind) {
                break;
            }
            p += length(c);
        }
        return p;
    }

    /** End of {@code 's 't 're 've 'm 'll 'd} at {@code start}, or -1. Without case, U+017F is an s, as Unicode folds it. */
    private static int contraction(byte[] text, int start, int limit, boolean anyCase) {
        int p = start + 1;
        if (p >= limit) {
            return -1;
        }
        if (anyCase && p + 1 < limit && text[p] == (byte) 0xC5 && text[p + 1] == (byte) 0xBF) {
            return p + 2;
        }
        int a = anyCase ? text[p] | 0x20 : text[p];
        if (text[p] < 0) {
            return -1;
        }
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

    private static final class Expression {
        static final String CODE = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|%s| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
                + "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    }
}
