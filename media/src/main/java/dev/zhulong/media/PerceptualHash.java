package dev.zhulong.media;

import java.util.Arrays;

/**
 * 64 bits that stay nearly the same when a picture is stored in another size, another kind of file or with more loss. They are those of {@code phash} in Python's ImageHash 4.3 (Zauner 2010,
 * "Implementation and Benchmarking of Perceptual Image Hash Functions"): grey levels of 32 x 32 by Lanczos, their cosine transform (DCT-II), and of its 8 x 8 lowest frequencies which are above
 * their median. The first bit is the highest.
 */
public final class PerceptualHash {
    private static final int SIDE = 32;
    private static final int LOW = 8;
    private static final double[][] COSINES = cosines();

    private PerceptualHash() {}

    /** The bits of a picture. */
    public static long of(Picture picture) {
        Picture small = Resampling.LANCZOS.resize(Grey.picture(picture), SIDE, SIDE);
        double[] frequencies = new double[LOW * LOW];
        double[][] columns = new double[LOW][SIDE];
        for (int v = 0; v < LOW; v++) {
            for (int x = 0; x < SIDE; x++) {
                for (int y = 0; y < SIDE; y++) {
                    columns[v][x] += COSINES[v][y] * (small.rgb()[3 * (y * SIDE + x)] & 255);
                }
            }
        }
        for (int v = 0; v < LOW; v++) {
            for (int u = 0; u < LOW; u++) {
                for (int x = 0; x < SIDE; x++) {
                    frequencies[v * LOW + u] += COSINES[u][x] * columns[v][x];
                }
            }
        }
        double[] sorted = frequencies.clone();
        Arrays.sort(sorted);
        double median = (sorted[LOW * LOW / 2 - 1] + sorted[LOW * LOW / 2]) / 2;
        long bits = 0;
        for (double frequency : frequencies) {
            bits = bits << 1 | (frequency > median ? 1 : 0);
        }
        return bits;
    }

    /** In how many of the 64 bits two hashes differ. */
    public static int distance(long a, long b) {
        return Long.bitCount(a ^ b);
    }

    private static double[][] cosines() {
        double[][] table = new double[LOW][SIDE];
        for (int u = 0; u < LOW; u++) {
            for (int x = 0; x < SIDE; x++) {
                table[u][x] = 2 * Math.cos(Math.PI * u * (2 * x + 1) / (2 * SIDE));
            }
        }
        return table;
    }
}
