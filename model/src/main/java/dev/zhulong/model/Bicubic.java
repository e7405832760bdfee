package dev.zhulong.model;

import dev.zhulong.tensor.Tensor;

/** Bicubic interpolation along one axis as a matrix, with PyTorch's kernels ({@code interpolate} with {@code align_corners=False}). */
final class Bicubic {
    private Bicubic() {}

    /**
     * What each of {@code to} places takes of each of {@code from}, [to, from].
     *
     * @param smooth whether the kernel widens where there are fewer places than before, so that none of them is passed over ({@code antialias=True})
     */
    static Tensor weights(int from, int to, boolean smooth) {
        float[] weights = new float[to * from];
        double scale = (double) from / to;
        for (int place = 0; place < to; place++) {
            if (smooth) {
                smooth(weights, place * from, (place + 0.5) * scale, Math.max(scale, 1), from);
            } else {
                plain(weights, place * from, (place + 0.5) * scale - 0.5, from);
            }
        }
        return Tensor.of(weights, to, from);
    }

    /** Four neighbours; the outermost stand for those beyond them. */
    private static void plain(float[] weights, int at, double centre, int from) {
        int left = (int) Math.floor(centre);
        for (int neighbour = left - 1; neighbour <= left + 2; neighbour++) {
            weights[at + Math.clamp(neighbour, 0, from - 1)] += (float) kernel(Math.abs(centre - neighbour), -0.75);
        }
    }

    /** All within two widths, made to sum to one. */
    private static void smooth(float[] weights, int at, double centre, double width, int from) {
        int first = Math.max((int) (centre - 2 * width + 0.5), 0);
        int end = Math.min((int) (centre + 2 * width + 0.5), from);
        double sum = 0;
        for (int neighbour = first; neighbour < end; neighbour++) {
            sum += kernel(Math.abs(neighbour - centre + 0.5) / width, -0.5);
        }
        for (int neighbour = first; neighbour < end; neighbour++) {
            weights[at + neighbour] = (float) (kernel(Math.abs(neighbour - centre + 0.5) / width, -0.5) / sum);
        }
    }

    /** Keys' cubic convolution (1981). */
    private static double kernel(double x, double a) {
        if (x < 1) {
            return ((a + 2) * x - (a + 3)) * x * x + 1;
        }
        return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
    }
}
