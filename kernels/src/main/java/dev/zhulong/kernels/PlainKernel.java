package dev.zhulong.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Products of packed weights in plain loops, bit for bit those of the vector kernels, whose arithmetic {@link ScalarMatMul} states.
 *
 * <p>They answer until {@link KernelWarmth} says that the vector kernel is compiled.
 */
final class PlainKernel {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);

    private PlainKernel() {}

    /** C[rows of the tile, rows of the block] = A · Wᵀ, whole vectors, written to {@code c[cAt + row * stride + lane]}. */
    static void multiply(PackedWeights w, int block, Activations a, int tile, float[] c, int cAt, int stride) {
        int rows = a.tileCount(tile);
        int[] words = new int[(int) (w.blockBytes / 4)];
        MemorySegment.copy(w.data, INT, block * w.blockBytes, words, 0, words.length);
        if (w.form == PackedWeights.Form.FLOATS) {
            float[] row = new float[w.units * PackedWeights.UNIT];
            for (int lane = 0; lane < Lanes.COUNT; lane++) {
                floatRow(w, words, lane, row);
                for (int r = 0; r < rows; r++) {
                    c[cAt + r * stride + lane] = floats(row, a.values, tile * 8 * row.length + r, a.tileRows(tile));
                }
            }
            return;
        }
        float[] scales = scales(w, w.scales, block);
        float[] mins = w.hasMin ? scales(w, w.mins, block) : scales;
        int[] row = new int[w.units * PackedWeights.UNIT];
        for (int lane = 0; lane < Lanes.COUNT; lane++) {
            integerRow(w, words, lane, row);
            for (int r = 0; r < rows; r++) {
                c[cAt + r * stride + lane] = w.group == 16 ? sixteens(w, row, scales, mins, lane, a, tile, r) : units(w, row, scales, mins, lane, a, tile, r);
            }
        }
    }

    /** [group, lane] of a block. */
    private static float[] scales(PackedWeights w, MemorySegment from, int block) {
        float[] scales = new float[(int) (w.blockScaleBytes / w.scaleStep) * Lanes.COUNT];
        if (w.wide) {
            MemorySegment.copy(from, ValueLayout.JAVA_FLOAT.withOrder(ByteOrder.LITTLE_ENDIAN), block * w.blockScaleBytes, scales, 0, scales.length);
            return scales;
        }
        short[] halves = new short[scales.length];
        MemorySegment.copy(from, SHORT, block * w.blockScaleBytes, halves, 0, halves.length);
        for (int i = 0; i < halves.length; i++) {
            scales[i] = small(halves[i]);
        }
        return scales;
    }

    /** A stored f16, which is larger than its value by a power of two. */
    private static float small(short bits) {
        return Float.float16ToFloat(bits) / PackedWeights.SMALL;
    }

    /** A row of integer weights as {@link PackedWeights} packed it. */
    private static void integerRow(PackedWeights w, int[] words, int lane, int[] row) {
        int at = lane;
        if (w.form == PackedWeights.Form.CRUMBS) {
            for (int k = 0; k < row.length; k += 16, at += Lanes.COUNT) {
                int word = words[at];
                for (int j = 0; j < 16; j++) {
                    row[k + j] = (word >>> PackedWeights.crumbShift(j) & 3) - w.offset;
                }
            }
            return;
        }
        if (w.form == PackedWeights.Form.NIBBLES) {
            for (int k = 0; k < row.length; k += 8, at += Lanes.COUNT) {
                int word = words[at];
                for (int j = 0; j < 8; j++) {
                    row[k + j] = (word >>> PackedWeights.nibbleShift(j) & 15) - w.offset;
                }
            }
            return;
        }
        for (int k = 0; k < row.length; k += 4, at += Lanes.COUNT) {
            int word = words[at];
            row[k] = (byte) word;
            row[k + 1] = (byte) (word >> 8);
            row[k + 2] = (byte) (word >> 16);
            row[k + 3] = word >> 24;
        }
    }

    private static void floatRow(PackedWeights w, int[] words, int lane, float[] row) {
        for (int k = 0; k < row.length; k++) {
            int index = k * Lanes.COUNT + lane;
            if (w.wide) {
                row[k] = Float.intBitsToFloat(words[index]);
                continue;
            }
            int half = words[index / 2] >>> 16 * (index % 2);
            row[k] = w.type() == WeightType.F16 ? small((short) half) : Float.intBitsToFloat(half << 16);
        }
    }

    private static float floats(float[] row, float[] values, int p, int n) {
        float total = 0;
        for (int k = 0; k < row.length; ) {
            float sum = 0;
            for (int end = k + 32; k < end; k++, p += n) {
                sum = Math.fma(row[k], values[p], sum);
            }
            total += sum;
        }
        return total;
    }

    private static float units(PackedWeights w, int[] row, float[] scales, float[] mins, int lane, Activations a, int tile, int r) {
        int n = a.tileRows(tile);
        int q = tile * 8 * w.units + r;
        int p = tile * 8 * w.units * 16 + r;
        float total = 0;
        for (int u = 0; u < w.units; u++, q += n, p += 16 * n) {
            int g = u / w.perGroup * Lanes.COUNT + lane;
            total = Math.fma((float) products(row, 32 * u, a.integers.pairs, p, n, 16), scales[g] * a.integers.scales[q], total);
            if (w.hasMin) {
                total = Math.fma(mins[g], a.integers.weighted[q], total);
            }
        }
        return total;
    }

    /** Two groups a unit. */
    private static float sixteens(PackedWeights w, int[] row, float[] scales, float[] mins, int lane, Activations a, int tile, int r) {
        int n = a.tileRows(tile);
        int q = tile * 8 * w.units + r;
        int p = tile * 8 * w.units * 16 + r;
        float total = 0;
        for (int half = 0; half < 2 * w.units; half++, p += 8 * n) {
            int g = half * Lanes.COUNT + lane;
            int unit = q + half / 2 * n;
            total = Math.fma((float) products(row, 16 * half, a.integers.pairs, p, n, 8), scales[g] * a.integers.scales[unit], total);
            if (w.hasMin) {
                total = Math.fma(mins[g], a.integers.weighted16[2 * (unit - r) + half % 2 * n + r], total);
            }
        }
        return total;
    }

    private static int products(int[] row, int k, int[] pairs, int p, int n, int count) {
        int sum = 0;
        for (int j = 0; j < count; j += 2, k += 4) {
            int pair = pairs[p + j * n];
            int next = pairs[p + (j + 1) * n];
            sum += row[k] * (short) pair + row[k + 2] * (pair >> 16) + row[k + 1] * (short) next + row[k + 3] * (next >> 16);
        }
        return sum;
    }
}
