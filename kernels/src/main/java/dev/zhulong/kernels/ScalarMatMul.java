package dev.zhulong.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * C = A · Wᵀ as plain loops over rows as they are stored: what {@link MatMul} must equal bit for bit, and the law of its arithmetic.
 *
 * <p>Hundreds of times slower; needs neither the vector module nor C2.
 */
public final class ScalarMatMul {
    private ScalarMatMul() {}

    /**
     * Writes [m, n] products to {@code c}.
     *
     * @param a activations [m, columns]
     * @param w rows of W, {@code n * type.rowBytes(columns)} bytes
     */
    public static void multiply(float[] a, int m, WeightType type, MemorySegment w, int n, int columns, float[] c) {
        int rowBytes = Math.toIntExact(type.rowBytes(columns));
        byte[] bytes = new byte[rowBytes];
        for (int j = 0; j < n; j++) {
            MemorySegment.copy(w, ValueLayout.JAVA_BYTE, (long) j * rowBytes, bytes, 0, rowBytes);
            if (type.quantised()) {
                GroupedRow row = new GroupedRow(type, columns);
                row.read(bytes);
                for (int i = 0; i < m; i++) {
                    c[i * n + j] = integers(a, i * columns, row);
                }
            } else {
                float[] row = new float[columns];
                WeightRows.decode(type, MemorySegment.ofArray(bytes), 0, columns, row);
                for (int i = 0; i < m; i++) {
                    c[i * n + j] = floats(a, i * columns, row);
                }
            }
        }
    }

    /** Sums of 32 fused products each, added in order. */
    private static float floats(float[] a, int from, float[] row) {
        float total = 0;
        for (int k = 0; k < row.length; k += 32) {
            float sum = 0;
            for (int i = k; i < Math.min(row.length, k + 32); i++) {
                sum = Math.fma(row[i], a[from + i], sum);
            }
            total += sum;
        }
        return total;
    }

    /**
     * Activations become integers, a scale for each 32; each part of 32 columns (of 16 where groups are of 16) adds its exact integer sum
     * times both scales, and then the minimum times the activations' sum.
     */
    private static float integers(float[] a, int from, GroupedRow row) {
        int group = row.type.group();
        int part = Math.min(32, group);
        float total = 0;
        int[] q = new int[32];
        for (int k = 0; k < row.columns; k += 32) {
            float largest = 0;
            for (int i = 0; i < 32; i++) {
                largest = Math.max(largest, Math.abs(a[from + k + i]));
            }
            float scale = largest / 127;
            float inverse = largest >= 0x1p-100f ? 127 / largest : 0;
            for (int i = 0; i < 32; i++) {
                q[i] = inverse == 0 ? 0 : (int) Math.rint(a[from + k + i] * inverse);
            }
            for (int p = 0; p < 32; p += part) {
                int products = 0;
                int sum = 0;
                for (int i = p; i < p + part; i++) {
                    products += row.q[k + i] * q[i];
                    sum += q[i];
                }
                int g = (k + p) / group;
                total = Math.fma((float) products, row.scales[g] * scale, total);
                if (row.type.hasMin()) {
                    total = Math.fma(row.mins[g], scale * sum, total);
                }
            }
        }
        return total;
    }
}
