package dev.zhulong.kernels;

/** Rows of int8 activations as {@link NibbleKernel}, {@link ByteKernel} and {@link PlainKernel} read them. */
final class ActivationIntegers {
    /** [tile, column / 2, row of the tile]: two int8 as 16-bit halves, the first lower. */
    final int[] pairs;
    /**
     * As {@link #pairs}, of each four the middle ones exchanged, as nibbles are; then of each four (x0, x1, x2, x3) in 16 bits:
     * (x0, x1 - 16 x0, x2 - 16 x1, x3 - 16 x2). With them a word of four nibbles n need not
     * be taken apart: w x0 + (w >> 4)(x1 - 16 x0) + (w >> 8)(x2 - 16 x1) + (w >> 12)(x3 - 16 x2) = n0 x0 + n1 x1 + n2 x2 + n3 x3, modulo 2^16.
     */
    final int[] steps;
    /** The integers as floats, [tile, column, row of the tile], of four columns the middle ones exchanged; of several rows only. */
    final float[] integers;
    /** [tile, column / 32, row of the tile] */
    final float[] scales;
    /** Scale times the sum of the 32 integers, [tile, column / 32, row of the tile]; and of each 16, [tile, column / 16, row]. */
    final float[] weighted;
    final float[] weighted16;
    /** -8 times the sums of the 16 even and the 16 odd integers, as in {@link #pairs}, [tile, column / 32, row of the tile]; or nothing. */
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
        int even = 0;
        int odd = 0;
        int sum0 = 0;
        int lowBefore = 0;
        int highBefore = 0;
        for (int j = 0; j < 16; j++) {
            int low = q[at + 2 * j];
            int high = q[at + 2 * j + 1];
            pairs[to + j * n] = low & 0xffff | high << 16;
            if (n > 1) {
                int column = 2 * (to - r) + (j / 2 * 4 + j % 2) * n + r;
                integers[column] = low;
                integers[column + 2 * n] = high;
            }
            even += low;
            odd += high;
            if (j == 7) {
                sum0 = even + odd;
            }
            int exchanged = at + 2 * (j & 12 | (j & 1) << 1 | (j & 2) >> 1);
            low = q[exchanged];
            high = q[exchanged + 1];
            steps[to + j * n] = low - lowBefore & 0xffff | high - highBefore << 16;
            lowBefore = j % 4 == 3 ? 0 : 16 * low;
            highBefore = j % 4 == 3 ? 0 : 16 * high;
        }
        int sum1 = even + odd - sum0;
        int index = base + u * n + r;
        scales[index] = scale;
        bias[index] = -8 * even & 0xffff | -8 * odd << 16;
        weighted[index] = scale * (sum0 + sum1);
        weighted16[(base + u * n) * 2 + r] = scale * sum0;
        weighted16[(base + u * n) * 2 + n + r] = scale * sum1;
    }
}
