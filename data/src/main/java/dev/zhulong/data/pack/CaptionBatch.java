package dev.zhulong.data.pack;

/**
 * Pictures, and for each a text that belongs to it.
 *
 * @param pictures without labels
 * @param tokens   of a text; shorter ones are filled up as the model has it
 * @param ids      {@code [pictures, tokens]}
 */
public record CaptionBatch(PictureBatch pictures, int tokens, int[] ids) {}
