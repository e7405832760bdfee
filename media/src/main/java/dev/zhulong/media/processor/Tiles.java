package dev.zhulong.media.processor;

import dev.zhulong.media.Picture;
import dev.zhulong.media.Resampling;
import dev.zhulong.media.processor.PicturePlan.Size;

/** What all processors do with pixels. */
final class Tiles {
    private final Resampling resampling;
    private final float[][] values;

    Tiles(ProcessorSettings settings) {
        resampling = settings.resampling();
        values = settings.values();
    }

    Picture resized(Picture picture, PicturePlan plan) {
        for (Size size : plan.sizes()) {
            picture = resized(picture, size.width(), size.height());
        }
        return picture;
    }

    Picture resized(Picture picture, int width, int height) {
        return resampling.resize(picture, width, height);
    }

    /** A part of a picture to {@code out} from {@code at} on: all of red, of green, of blue, each row by row. */
    void write(Picture picture, int left, int top, int width, int height, float[] out, int at) {
        byte[] rgb = picture.rgb();
        for (int c = 0; c < 3; c++) {
            float[] table = values[c];
            for (int y = 0; y < height; y++) {
                int from = 3 * ((top + y) * picture.width() + left) + c;
                for (int x = 0; x < width; x++, from += 3) {
                    out[at++] = table[rgb[from] & 0xFF];
                }
            }
        }
    }

    /** Tiles row by row, and the overview last: {@code [tiles][3][height][width]}. */
    PreparedPicture cut(Picture resized, Picture overview, PicturePlan plan) {
        int width = plan.tileWidth();
        int height = plan.tileHeight();
        int size = 3 * width * height;
        float[] out = new float[Math.multiplyExact(plan.tiles(), size)];
        for (int row = 0, at = 0; row < plan.rows(); row++) {
            for (int column = 0; column < plan.columns(); column++, at += size) {
                write(resized, column * width, row * height, width, height, out, at);
            }
        }
        if (plan.overview()) {
            write(resized(overview, width, height), 0, 0, width, height, out, out.length - size);
        }
        return new PreparedPicture(plan, out);
    }
}
