package dev.zhulong.media.processor;

import dev.zhulong.media.Picture;
import dev.zhulong.media.processor.PicturePlan.Size;
import java.util.List;

/**
 * Idefics3 and SmolVLM: the longer edge is brought to a length, both are rounded up to multiples of a tile, and the whole picture comes last where there is more than one
 * tile. Values: {@code [tiles][3][tile][tile]}.
 */
final class SplitGrid implements PictureProcessor {
    /** No picture becomes larger than that on the way. */
    private static final int MOST = 4096;

    private final Tiles tiles;
    private final boolean resizes;
    private final boolean splits;
    private final int longest;
    private final int tile;

    SplitGrid(ProcessorSettings settings) {
        tiles = new Tiles(settings);
        resizes = settings.flag("do_resize", true);
        splits = settings.flag("do_image_splitting", true);
        settings.refuseIf(settings.has("size", "height"), "a size of height and width");
        longest = settings.number("size", "longest_edge", 4 * 364);
        tile = settings.number("max_image_size", "longest_edge", 364);
    }

    @Override
    public PicturePlan plan(int width, int height) {
        Size first = resizes ? bounded(byLongerEdge(width, height)) : new Size(width, height);
        if (!splits) {
            return new PicturePlan(List.of(first, new Size(tile, tile)), 1, 1, false, tile, tile);
        }
        Size second = multiples(first);
        int rows = second.height() / tile;
        int columns = second.width() / tile;
        return new PicturePlan(List.of(first, second), rows, columns, rows * columns > 1, tile, tile);
    }

    private Size byLongerEdge(int width, int height) {
        double aspect = (double) width / height;
        if (width >= height) {
            int other = (int) (longest / aspect);
            return new Size(longest, Math.max(1, other + (other & 1)));
        }
        int other = (int) (longest * aspect);
        return new Size(Math.max(1, other + (other & 1)), longest);
    }

    private static Size bounded(Size size) {
        double aspect = (double) size.width() / size.height();
        if (size.width() >= size.height() && size.width() > MOST) {
            return new Size(MOST, Math.max(1, (int) (MOST / aspect)));
        }
        return size.height() > size.width() && size.height() > MOST ? new Size(Math.max(1, (int) (MOST * aspect)), MOST) : size;
    }

    private Size multiples(Size size) {
        double aspect = (double) size.width() / size.height();
        if (size.width() >= size.height()) {
            int width = up(size.width());
            return new Size(width, up((int) (width / aspect)));
        }
        int height = up(size.height());
        return new Size(up((int) (height * aspect)), height);
    }

    private int up(int length) {
        return Math.ceilDiv(length, tile) * tile;
    }

    @Override
    public PreparedPicture prepare(Picture picture) {
        PicturePlan plan = plan(picture.width(), picture.height());
        Picture resized = tiles.resized(picture, plan);
        return tiles.cut(resized, resized, plan);
    }
}
