package dev.zhulong.media;

/** How light pixels are: what Pillow's {@code convert("L")} gives (ITU-R 601, in 16 bits of fraction). */
final class Grey {
    private Grey() {}

    /** 0 to 255, of each pixel. */
    static byte[] levels(Picture picture) {
        byte[] rgb = picture.rgb();
        byte[] levels = new byte[rgb.length / 3];
        for (int i = 0, from = 0; i < levels.length; i++, from += 3) {
            levels[i] = (byte) (19595 * (rgb[from] & 255) + 38470 * (rgb[from + 1] & 255) + 7471 * (rgb[from + 2] & 255) + 0x8000 >> 16);
        }
        return levels;
    }

    /** The same as a picture, whose three colours are the level. */
    static Picture picture(Picture picture) {
        byte[] levels = levels(picture);
        byte[] rgb = new byte[picture.rgb().length];
        for (int i = 0; i < rgb.length; i++) {
            rgb[i] = levels[i / 3];
        }
        return new Picture(picture.width(), picture.height(), rgb);
    }
}
