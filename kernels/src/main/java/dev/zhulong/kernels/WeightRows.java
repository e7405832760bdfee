package dev.zhulong.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Stored rows as floats, a weight at a time: the oracle of all kernels, and how a row of an embedding is looked up. */
public final class WeightRows {
    private WeightRows() {}

    /**
     * Writes row {@code row} of the matrix at the start of {@code source} to {@code out[0 … columns)}; for quantised types the floats that
     * ggml's own dequantisation gives, bit for bit.
     */
    public static void decode(WeightType type, MemorySegment source, long row, int columns, float[] out) {
        int rowBytes = Math.toIntExact(type.rowBytes(columns));
        byte[] bytes = new byte[rowBytes];
        MemorySegment.copy(source, ValueLayout.JAVA_BYTE, row * rowBytes, bytes, 0, rowBytes);
        decode(type, bytes, columns, out);
    }

    static void decode(WeightType type, byte[] bytes, int columns, float[] out) {
        switch (type) {
            case F32 -> {
                for (int i = 0; i < columns; i++) {
                    out[i] = Float.intBitsToFloat(GroupedRow.i32(bytes, 4 * i));
                }
            }
            case F16 -> {
                for (int i = 0; i < columns; i++) {
                    out[i] = GroupedRow.f16(bytes, 2 * i);
                }
            }
            case BF16 -> {
                for (int i = 0; i < columns; i++) {
                    out[i] = Float.intBitsToFloat(GroupedRow.u16(bytes, 2 * i) << 16);
                }
            }
            default -> {
                GroupedRow grouped = new GroupedRow(type, columns);
                grouped.read(bytes);
                grouped.weights(out);
            }
        }
    }
}
