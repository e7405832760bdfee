package dev.zhulong.media;

/**
 * A picture in memory.
 *
 * @param width  in pixels
 * @param height in pixels
 * @param rgb    red, green and blue of each pixel, row by row from the top: {@code 3 * width * height} bytes; not copied
 */
public record Picture(int width, int height, byte[] rgb) {
    /** @throws IllegalArgumentException if the bytes are not those of that many pixels */
    public Picture {
        if (width < 1 || height < 1 || rgb.length != 3L * width * height) {
            throw new IllegalArgumentException("%d bytes are no picture of %d x %d".formatted(rgb.length, width, height));
        }
    }

    /**
     * A part of this picture, with black where it reaches over the edge.
     *
     * @param left of the part in this picture, may be negative
     * @param top  likewise
     */
    public Picture part(int left, int top, int width, int height) {
        byte[] part = new byte[3 * width * height];
        int from = Math.clamp(left, 0, this.width);
        int to = Math.clamp((long) left + width, 0, this.width);
        for (int y = Math.max(0, -top); y < height && top + y < this.height; y++) {
            if (to > from) {
                System.arraycopy(rgb, 3 * ((top + y) * this.width + from), part, 3 * (y * width + from - left), 3 * (to - from));
            }
        }
        return new Picture(width, height, part);
    }

    /** What is seen when {@code orientation} of EXIF (tag 274) is obeyed: 1 is this picture itself, 2 to 8 mirror it, turn it, or both. */
    public Picture oriented(int orientation) {
        if (orientation < 2 || orientation > 8) {
            return this;
        }
        boolean turned = orientation >= 5;
        int columns = turned ? height : width;
        int rows = turned ? width : height;
        // the place of the first pixel, and how far on the next of a row and of a column are
        boolean fromRight = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
        boolean fromBottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
        int across = turned ? fromBottom ? -width : width : fromRight ? -1 : 1;
        int down = turned ? fromRight ? -1 : 1 : fromBottom ? -width : width;
        int start = (fromRight ? width - 1 : 0) + (fromBottom ? (height - 1) * width : 0);
        byte[] result = new byte[rgb.length];
        for (int y = 0, to = 0; y < rows; y++) {
            for (int x = 0, from = 3 * (start + y * down); x < columns; x++, from += 3 * across) {
                result[to++] = rgb[from];
                result[to++] = rgb[from + 1];
                result[to++] = rgb[from + 2];
            }
        }
        return new Picture(columns, rows, result);
    }
}
