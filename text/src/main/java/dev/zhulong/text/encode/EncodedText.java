package dev.zhulong.text.encode;

/**
 * One input of an encoder; all arrays {@code [tokens]}.
 *
 * @param ids   of the tokens
 * @param types segment of each (BERT's {@code token_type_ids})
 * @param parts 0 for tokens of the first text, 1 for those of the second, {@value #SPECIAL} for the model's own
 * @param from  first UTF-16 unit of each in its text (in its word, where words were given); 0 for special tokens
 * @param to    behind the last one
 * @param words number of the word in its text that each is a part of, from 0; {@value #SPECIAL} for special tokens
 */
public record EncodedText(int[] ids, int[] types, int[] parts, int[] from, int[] to, int[] words) {
    /** Stands where a token belongs to no text. */
    public static final int SPECIAL = -1;

    public int length() {
        return ids.length;
    }

    /** Whether token {@code at} is one that the model puts around texts. */
    public boolean isSpecial(int at) {
        return parts[at] == SPECIAL;
    }

    /** First token of a text, or {@link #length()} where it has none. */
    public int first(int part) {
        int at = 0;
        while (at < parts.length && parts[at] != part) {
            at++;
        }
        return at;
    }

    /** Last token of a text, or -1 where it has none. */
    public int last(int part) {
        int at = parts.length - 1;
        while (at >= 0 && parts[at] != part) {
            at--;
        }
        return at;
    }
}
