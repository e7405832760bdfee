package dev.zhulong.kernels;

/** The addition of an adapter to a row of a product: {@code y += s·B·(A·x)}, in plain loops that the compiler makes vectors of. */
public final class LowRank {
    private LowRank() {}

    /**
     * Adds to {@code y[to …]}, {@code out} values.
     *
     * @param x     row, {@code in} values from {@code at} on
     * @param a     [rank, in]
     * @param b     [rank, out]: transposed
     * @param scale s
     */
    public static void add(float[] x, int at, int in, float[] a, float[] b, int rank, float scale, float[] y, int to, int out) {
        for (int r = 0; r < rank; r++) {
            float t = scale * dot(x, at, a, r * in, in);
            int from = r * out;
            for (int j = 0; j < out; j++) {
                y[to + j] += t * b[from + j];
            }
        }
    }

    /** Eight sums side by side: one alone would wait for each addition. */
    private static float dot(float[] x, int at, float[] y, int from, int n) {
        float a = 0;
        float b = 0;
        float c = 0;
        float d = 0;
        float e = 0;
        float f = 0;
        float g = 0;
        float h = 0;
        int i = 0;
        for (; i + 7 < n; i += 8) {
            a += x[at + i] * y[from + i];
            b += x[at + i + 1] * y[from + i + 1];
            c += x[at + i + 2] * y[from + i + 2];
            d += x[at + i + 3] * y[from + i + 3];
            e += x[at + i + 4] * y[from + i + 4];
            f += x[at + i + 5] * y[from + i + 5];
            g += x[at + i + 6] * y[from + i + 6];
            h += x[at + i + 7] * y[from + i + 7];
        }
        for (; i < n; i++) {
            a += x[at + i] * y[from + i];
        }
        return ((a + b) + (c + d)) + ((e + f) + (g + h));
    }
}
