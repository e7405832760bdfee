package dev.zhulong.evaluate;

import dev.zhulong.text.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * A document to score: its token ids and the length of its text.
 *
 * @param ids   of the whole document, tokenised once
 * @param bytes of the document's text in UTF-8, as it was before the tokenizer normalised it
 */
public record TokenDocument(int[] ids, long bytes) {
    /** {@code text} as one document. */
    public static TokenDocument of(String text, Tokenizer tokenizer) {
        return new TokenDocument(tokenizer.encode(text), text.getBytes(StandardCharsets.UTF_8).length);
    }

    /** A document of which only the ids are left; its bytes are those its tokens stand for, control tokens being none. */
    public static TokenDocument of(int[] ids, Tokenizer tokenizer) {
        long bytes = 0;
        for (int id : ids) {
            bytes += tokenizer.bytes(id).length;
        }
        return new TokenDocument(ids, bytes);
    }

    /** The ids, with BOS before them where asked for and not there yet. All but the first of the result are scored. */
    int[] sequence(Tokenizer tokenizer, boolean bos) {
        if (!bos) {
            return ids;
        }
        int id = tokenizer.bos().orElseThrow(() -> new IllegalArgumentException(
                "windows were to begin with BOS, but the tokenizer names none: evaluate without BOS"));
        if (ids.length > 0 && ids[0] == id) {
            return ids;
        }
        int[] sequence = new int[ids.length + 1];
        sequence[0] = id;
        System.arraycopy(ids, 0, sequence, 1, ids.length);
        return sequence;
    }

    /** Bytes of the scored tokens: without BOS the first token is never predicted, so its bytes are not counted. */
    long scoredBytes(Tokenizer tokenizer, boolean bos) {
        return bos || ids.length == 0 ? bytes : Math.max(0, bytes - tokenizer.bytes(ids[0]).length);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof TokenDocument that && bytes == that.bytes && Arrays.equals(ids, that.ids);
    }

    @Override
    public int hashCode() {
        return 31 * Arrays.hashCode(ids) + Long.hashCode(bytes);
    }
}
