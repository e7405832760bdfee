package dev.zhulong.media;

/**
 * What tells a picture that shows something from one that does not. Measured on grey levels of 0 to 255, of pictures above {@value #SIDE} pixels a side made smaller.
 *
 * @param contrast  standard deviation of the levels; 0 where all is one colour
 * @param sharpness variance of what the Laplacian (each pixel four times, less its four neighbours) gives: near 0 where nothing has an edge (Pech-Pacheco et al. 2000, "Diatom autofocusing in
 *                  brightfield microscopy"); 0 of pictures below 3 pixels a side
 */
public record PictureMeasures(double contrast, double sharpness) {
    /** The longer side that pictures are measured at, at most. */
    public static final int SIDE = 512;

    /** Of a picture. */
    public static PictureMeasures of(Picture picture) {
        int longer = Math.max(picture.width(), picture.height());
        Picture small = longer <= SIDE ? picture
                : Resampling.BILINEAR.resize(picture, Math.max(1, picture.width() * SIDE / longer), Math.max(1, picture.height() * SIDE / longer));
        byte[] levels = Grey.levels(small);
        int width = small.width();
        var contrast = new Spread();
        for (byte level : levels) {
            contrast.add(level & 255);
        }
        var edges = new Spread();
        for (int y = 1; y < small.height() - 1; y++) {
            for (int x = 1; x < width - 1; x++) {
                int i = y * width + x;
                edges.add(4 * (levels[i] & 255) - (levels[i - 1] & 255) - (levels[i + 1] & 255) - (levels[i - width] & 255) - (levels[i + width] & 255));
            }
        }
        return new PictureMeasures(Math.sqrt(contrast.variance()), edges.variance());
    }

    /** Sums of whole numbers, which are exact. */
    private static final class Spread {
        private long count;
        private long sum;
        private long squares;

        void add(int value) {
            count++;
            sum += value;
            squares += (long) value * value;
        }

        double variance() {
            double mean = (double) sum / Math.max(1, count);
            return count == 0 ? 0 : Math.max(0, (double) squares / count - mean * mean);
        }
    }
}
