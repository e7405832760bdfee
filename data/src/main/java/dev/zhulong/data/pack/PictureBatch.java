package dev.zhulong.data.pack;

/**
 * Pictures of one size side by side, as a processor prepares them.
 *
 * @param rows   pictures
 * @param height of each, in pixels
 * @param width  likewise
 * @param pixels {@code [rows, channels, height, width]}
 * @param labels of each, the number of its class, {@code [rows]}; empty where none is asked for
 */
public record PictureBatch(int rows, int height, int width, float[] pixels, int[] labels) {}
