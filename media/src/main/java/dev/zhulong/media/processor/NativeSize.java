package dev.zhulong.media.processor;

import dev.zhulong.media.Picture;
import dev.zhulong.media.processor.PicturePlan.Size;
import java.util.List;

/**
 * Qwen2-VL and Qwen2.5-VL: the picture keeps its shape and, within bounds, its size; both edges become multiples of a few patches, and each patch is a tile. Values:
 * {@code [patches][3][frames][patch][patch]}, where patches that are merged later stand together, and a picture is repeated as frames of itself.
 */
final class NativeSize implements PictureProcessor {
    private static final int LONGEST_SHAPE = 200;

    private final Tiles tiles;
    private final boolean resizes;
    private final int patch;
    private final int frames;
    private final int merged;
    private final long least;
    private final long most;

    NativeSize(ProcessorSettings settings) {
        tiles = new Tiles(settings);
        resizes = settings.flag("do_resize", true);
        patch = settings.number("patch_size", 14);
        frames = settings.number("temporal_patch_size", 2);
        merged = settings.number("merge_size", 2);
        least = settings.number("min_pixels", settings.number("size", "shortest_edge", 56 * 56));
        most = settings.number("max_pixels", settings.number("size", "longest_edge", 28 * 28 * 1280));
    }

    @Override
    public PicturePlan plan(int width, int height) {
        int factor = patch * merged;
        if (!resizes) {
            if (width % factor != 0 || height % factor != 0) {
                throw new IllegalArgumentException("a picture of %d x %d is not cut into patches of %d, and this model's processor does not resize (do_resize)".formatted(width, height, factor));
            }
            return new PicturePlan(List.of(), height / patch, width / patch, false, patch, patch);
        }
        if ((double) Math.max(height, width) / Math.min(height, width) > LONGEST_SHAPE) {
            throw new IllegalArgumentException("a picture of %d x %d is more than %d times longer than wide; cut it first".formatted(width, height, LONGEST_SHAPE));
        }
        // to the even one of two that are as near
        long high = (long) Math.rint((double) height / factor) * factor;
        long wide = (long) Math.rint((double) width / factor) * factor;
        if (high * wide > most) {
            double beta = Math.sqrt((double) ((long) height * width) / most);
            high = Math.max(factor, (long) Math.floor(height / beta / factor) * factor);
            wide = Math.max(factor, (long) Math.floor(width / beta / factor) * factor);
        } else if (high * wide < least) {
            double beta = Math.sqrt((double) least / ((long) height * width));
            high = (long) Math.ceil(height * beta / factor) * factor;
            wide = (long) Math.ceil(width * beta / factor) * factor;
        }
        var size = new Size(Math.toIntExact(wide), Math.toIntExact(high));
        return new PicturePlan(List.of(size), size.height() / patch, size.width() / patch, false, patch, patch);
    }

    @Override
    public PreparedPicture prepare(Picture picture) {
        PicturePlan plan = plan(picture.width(), picture.height());
        Picture resized = tiles.resized(picture, plan);
        int area = patch * patch;
        float[] out = new float[Math.multiplyExact(plan.tiles(), 3 * frames * area)];
        float[] one = new float[3 * area];
        int at = 0;
        for (int row = 0; row < plan.rows(); row += merged) {
            for (int column = 0; column < plan.columns(); column += merged) {
                for (int place = 0; place < merged * merged; place++) {
                    tiles.write(resized, (column + place % merged) * patch, (row + place / merged) * patch, patch, patch, one, 0);
                    for (int i = 0; i < 3 * frames; i++, at += area) {
                        System.arraycopy(one, i / frames * area, out, at, area);
                    }
                }
            }
        }
        return new PreparedPicture(plan, out);
    }
}
