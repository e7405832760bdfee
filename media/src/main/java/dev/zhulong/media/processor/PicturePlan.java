package dev.zhulong.media.processor;

import java.util.List;

/**
 * How a picture of a size becomes tiles of one size, known before it is decoded.
 *
 * @param sizes      that it is resized to one after another; none where it stays as it is
 * @param rows       of tiles that the last of them is cut into
 * @param columns    likewise
 * @param overview   whether one tile more, the last, shows the whole picture
 * @param tileWidth  of a tile, in pixels
 * @param tileHeight likewise
 */
public record PicturePlan(List<Size> sizes, int rows, int columns, boolean overview, int tileWidth, int tileHeight) {
    /** Of a picture, in pixels. */
    public record Size(int width, int height) {}

    /** Tiles in all. */
    public int tiles() {
        return rows * columns + (overview ? 1 : 0);
    }
}
