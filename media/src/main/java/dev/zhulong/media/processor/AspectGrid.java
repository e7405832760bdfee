package dev.zhulong.media.processor;

import dev.zhulong.media.Picture;
import dev.zhulong.media.processor.PicturePlan.Size;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * InternVL (GotOcr2): of all grids of so many tiles the one whose shape is nearest to the picture's, and the whole picture last where there is more than one tile. Values:
 * {@code [tiles][3][height][width]}.
 */
final class AspectGrid implements PictureProcessor {
    private record Grid(int columns, int rows) {}

    private final Tiles tiles;
    private final Size tile;
    private final boolean resizes;
    /** From few tiles to many. */
    private final List<Grid> grids = new ArrayList<>();

    AspectGrid(ProcessorSettings settings) {
        tiles = new Tiles(settings);
        tile = settings.exact(384);
        settings.refuseIf(tile == null, "a size of one edge");
        resizes = settings.flag("do_resize", true);
        int least = settings.number("min_patches", 1);
        int most = settings.number("max_patches", 12);
        boolean crops = settings.flag("crop_to_patches", false) && most > 1;
        settings.refuseIf(!crops && !resizes, "a tile whose size depends on the picture (no do_resize)");
        if (crops) {
            for (int columns = 1; columns <= most; columns++) {
                for (int rows = 1; rows <= most / columns; rows++) {
                    if (columns * rows >= least) {
                        grids.add(new Grid(columns, rows));
                    }
                }
            }
            grids.sort(Comparator.comparingInt(grid -> grid.columns * grid.rows));
        }
    }

    @Override
    public PicturePlan plan(int width, int height) {
        Grid best = best(width, height);
        var size = new Size(best.columns * tile.width(), best.rows * tile.height());
        return new PicturePlan(List.of(size), best.rows, best.columns, best.rows * best.columns > 1, tile.width(), tile.height());
    }

    private Grid best(int width, int height) {
        double aspect = (double) width / height;
        double nearest = Double.POSITIVE_INFINITY;
        var best = new Grid(1, 1);
        for (Grid grid : grids) {
            double distance = Math.abs(aspect - (double) grid.columns / grid.rows);
            // of equal shapes the one with more tiles, while the picture fills half of it
            boolean filled = (double) ((long) width * height) > 0.5 * tile.height() * tile.width() * grid.columns * grid.rows;
            if (distance < nearest || distance == nearest && filled) {
                nearest = distance;
                best = grid;
            }
        }
        return best;
    }

    @Override
    public PreparedPicture prepare(Picture picture) {
        PicturePlan plan = plan(picture.width(), picture.height());
        return tiles.cut(tiles.resized(picture, plan), picture, plan);
    }
}
