package dev.zhulong.media;

import java.awt.image.BufferedImage;
import java.awt.image.Raster;
import java.io.IOException;
import javax.imageio.ImageReader;

/** TIFF files: what their tags say and the decoded picture does not. */
final class TiffSamples {
    private static final int PALETTE = 3;
    private static final int INKS = 5;

    private TiffSamples() {}

    static Picture read(String name, ImageReader reader, byte[] file, MediaLimits limits) throws IOException {
        TiffTags tags = TiffTags.of(file, 0, file.length);
        check(name, tags, file.length, limits);
        BufferedImage image = reader.read(0);
        Raster raster = image.getRaster();
        int meaning = tags.get(TiffTags.PHOTOMETRIC, 0);
        if (meaning == INKS && raster.getNumBands() == 4) {
            return new Picture(raster.getWidth(), raster.getHeight(), Samples.cmyk(Samples.pixels(raster), false));
        }
        long[] map = tags.numbers(TiffTags.COLOURS);
        if (meaning == PALETTE && raster.getNumBands() == 1 && map.length % 3 == 0 && map.length >= 3 << raster.getSampleModel().getSampleSize(0)) {
            // all reds, greens, blues in 16 bits, of which the upper half is taken
            int[] colours = new int[map.length / 3];
            for (int i = 0; i < colours.length; i++) {
                colours[i] = (int) (map[i] >> 8 << 16 | map[colours.length + i] >> 8 << 8 | map[2 * colours.length + i] >> 8);
            }
            return Samples.indexed(raster, colours);
        }
        return Samples.picture(image);
    }

    /** What the JDK makes room for before it finds that nothing is there. */
    private static void check(String name, TiffTags tags, int length, MediaLimits limits) {
        limits.check(name, new PictureInfo(PictureInfo.Kind.TIFF, tags.get(TiffTags.TILE_WIDTH, 1), tags.get(TiffTags.TILE_HEIGHT, 1), 1));
        for (int tag : new int[] {TiffTags.STRIP_BYTES, TiffTags.TILE_BYTES}) {
            for (long bytes : tags.numbers(tag)) {
                if (bytes > length) {
                    throw new MediaException(name, "a part of this TIFF picture is said to have %,d bytes, more than the file".formatted(bytes));
                }
            }
        }
    }
}
