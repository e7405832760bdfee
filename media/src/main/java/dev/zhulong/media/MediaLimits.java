package dev.zhulong.media;

/**
 * How large what strangers send may be. All of it is known from headers, so that a file that says too much of itself costs nothing.
 *
 * @param bytes  of a picture's file
 * @param pixels of a picture: width times height
 * @param side   of a picture, in pixels
 */
public record MediaLimits(long bytes, long pixels, int side) {
    /** 20 MB, 50 million pixels, 16,384 pixels a side. */
    public static final MediaLimits DEFAULT = new MediaLimits(20_000_000, 50_000_000, 16_384);

    /** @throws MediaException if the file is too large */
    void checkBytes(String name, long size) {
        if (size > bytes) {
            throw new MediaException(name, "the file has %,d bytes, more than the %,d allowed".formatted(size, bytes));
        }
    }

    /** @throws MediaException if the picture is empty or too large */
    void check(String name, PictureInfo info) {
        int width = info.width();
        int height = info.height();
        if (width < 1 || height < 1) {
            throw new MediaException(name, "its header says %d x %d pixels".formatted(width, height));
        }
        if (width > side || height > side || (long) width * height > pixels) {
            throw new MediaException(name, "%,d x %,d pixels are more than the %,d allowed, %,d a side".formatted(width, height, pixels, side));
        }
    }
}
