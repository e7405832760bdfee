package dev.zhulong.kernels;

/** Rows of int8 activations as {@link NibbleKernel}, {@link ByteKernel} and {@link PlainKernel} read them. */
final class ActivationIntegers {
    /** [tile, column / 2, row of the tile]: of each four (x0, x1, x2, x3) the pairs (x0, x2) and (x1, x3), as 16-bit halves, the first lower. */
    final int[] pairs;
    /**
     * As {@link #pairs}, of each four pairs the middle ones exchanged, as nibbles are; then of each four (x0, x1, x2, x3) in 16 bits
     * (x0, x1 - 16 x0, x2 - 16 x1, x3 - 16 x2). With them a word of four nibbles n need not
     * be taken apart: w x0 + (w >> 4)(x1 - 16 x0) + (w >> 8)(x2 - 16 x1) + (w >> 12)(x3 - 16 x2) = n0 x0 + n1 x1 + n2 x2 + n3 x3, modulo 2^16.
     */
    final int[] steps;
    /** The integers as floats, [tile, column, row of the tile]; of several rows only. */
    final float[] integers;
    /** [tile, column / 32, row of the tile] */
    final float[] scales;
    /** Scale times the sum of the 32 integers, [tile, column / 32, row of the tile]; and of each 16, [tile, column / 16, row]. */
    final float[] weighted;
    final float[] weighted16;
    /** -8 times the sums of the lower and the upper halves of {@link #pairs}, [tile, column / 32, row of the tile]; or nothing. */
    final int[] bias;
    final int[] none;

    ActivationIntegers(int rows, int columns) {
        int all = Math.multiplyExact(rows, columns);
        pairs = new int[all / 2];
        steps = new int[all / 2];
        integers = new float[rows == 1 ? 0 : all];
        scales = new float[all / 32];
        weighted = new float[all / 32];
        weighted16 = new float[all / 16];
        bias = new int[all / 32];
        none = new int[all / 32];
    }

    /** Takes unit u of row r of n of a tile from 32 integers {@code q[at …]}. */
    void put(int tile, int units, int u, int r, int n, int[] q, int at, float scale) {
        int base = 8 * tile * units;
        int to = (base + u * n) * 16 + r;
        int lower = 0;
        int upper = 0;
        int sum0 = 0;
        for (int k = 0; k < 32; k += 4) {
            int j = to + k / 2 * n;
            pairs[j] = q[at + k] & 0xffff | q[at + k + 2] << 16;
            pairs[j + n] = q[at + k + 1] & 0xffff | q[at + k + 3] << 16;
            lower += q[at + k] + q[at + k + 1];
            upper += q[at + k + 2] + q[at + k + 3];
            if (k == 12) {
                sum0 = lower + upper;
            }
        }
        for (int j = 0; j < 16; j++) {
            int pair = pairs[to + exchanged(j) * n];
            int before = j % 4 == 0 ? 0 : pairs[to + exchanged(j - 1) * n];
            steps[to + j * n] = (pair - 16 * before) & 0xffff | ((pair >> 16) - 16 * (before >> 16)) << 16;
        }
        for (int k = 0; k < 32 && n > 1; k++) {
            integers[2 * (to - r) + k * n + r] = q[at + k];
        }
        int sum1 = lower + upper - sum0;
        int index = base + u * n + r;
        scales[index] = scale;
        bias[index] = -8 * lower & 0xffff | -8 * upper << 16;
        weighted[index] = scale * (sum0 + sum1);
        weighted16[(base + u * n) * 2 + r] = scale * sum0;
        weighted16[(base + u * n) * 2 + n + r] = scale * sum1;
    }

    /** Number j of pairs in the order of nibbles. */
    private static int exchanged(int j) {
        return j & 12 | (j & 1) << 1 | (j & 2) >> 1;
    }
}
