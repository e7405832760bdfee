package dev.zhulong.media.processor;

/**
 * A picture as a tower takes it.
 *
 * @param plan   its tiles: {@code plan.tiles()}
 * @param values of a tile after another, in the order that the processor says
 */
public record PreparedPicture(PicturePlan plan, float[] values) {}
