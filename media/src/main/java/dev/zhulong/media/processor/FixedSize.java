package dev.zhulong.media.processor;

import dev.zhulong.media.Picture;
import dev.zhulong.media.processor.PicturePlan.Size;
import java.util.List;

/**
 * One tile of one size, whatever the picture's: ViT, CLIP, SigLIP, DINOv2 (Bit), a frame of VideoMAE, LLaVA 1.5. Resized to a size, or by the shorter edge and cut to the
 * middle, with black where it is too small. Values: {@code [3][height][width]}.
 */
final class FixedSize implements PictureProcessor {
    private static final int USUAL = 224;

    private final Tiles tiles;
    private final boolean resizes;
    private final Size exact;
    private final int shortest;
    private final Size crop;

    FixedSize(ProcessorSettings settings) {
        settings.refuseIf(settings.flag("do_pad", false), "padding (do_pad)");
        tiles = new Tiles(settings);
        boolean deit = settings.kind() == ProcessorSettings.Kind.DEIT;
        resizes = settings.flag("do_resize", true);
        exact = settings.exact(deit ? 256 : USUAL);
        shortest = settings.shortestEdge(USUAL);
        crop = settings.crops() ? settings.crop(USUAL) : null;
        settings.refuseIf(crop == null && (exact == null || !resizes), "a tile whose size depends on the picture (no do_center_crop)");
    }

    @Override
    public PicturePlan plan(int width, int height) {
        Size size = exact != null ? exact : byShorterEdge(width, height);
        Size tile = crop == null ? size : crop;
        return new PicturePlan(resizes ? List.of(size) : List.of(), 1, 1, false, tile.width(), tile.height());
    }

    private Size byShorterEdge(int width, int height) {
        int longer = (int) ((double) ((long) shortest * Math.max(width, height)) / Math.min(width, height));
        return width <= height ? new Size(shortest, longer) : new Size(longer, shortest);
    }

    @Override
    public PreparedPicture prepare(Picture picture) {
        PicturePlan plan = plan(picture.width(), picture.height());
        Picture resized = tiles.resized(picture, plan);
        if (crop != null) {
            resized = middle(resized, crop);
        }
        return tiles.cut(resized, null, plan);
    }

    /** Where a pixel is left over, it is taken off at the end; where one is missing, black comes first. */
    private static Picture middle(Picture picture, Size crop) {
        return picture.part(start(picture.width(), crop.width()), start(picture.height(), crop.height()), crop.width(), crop.height());
    }

    private static int start(int whole, int part) {
        return Math.floorDiv(whole - part, 2);
    }
}
