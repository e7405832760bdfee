package dev.zhulong.data.pack;

import dev.zhulong.text.encode.EncodedText;

/**
 * One input of an encoder and what is right about it.
 *
 * @param ids    {@code [tokens]}
 * @param types  segment of each token, {@code [tokens]}
 * @param labels of each token ({@link Batch#NO_TARGET} where one has none), or of the row as a whole: its class, 0 or 1 for each class, first and last token
 *               of an answer
 */
public record EncoderRow(int[] ids, int[] types, int[] labels) {
    public static EncoderRow of(EncodedText input, int... labels) {
        return new EncoderRow(input.ids(), input.types(), labels);
    }

    public int length() {
        return ids.length;
    }
}
