package dev.zhulong.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Stored rows as floats, a weight at a time: the oracle of all kernels, and how a row of an embedding is looked up. */
public final class WeightRows {
    private static final ValueLayout.OfShort HALF = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat SINGLE = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private WeightRows() {}

    /**
     * Writes row {@code row} of the matrix at the start of {@code source} to {@code out[0 … columns)}; for quantised types the floats that
     * ggml's own dequantisation gives, bit for bit.
     */
    public static void decode(WeightType type, MemorySegment source, long row, int columns, float[] out) {
        decode(type, source, row, columns, out, 0);
    }

    /** The same to {@code out[at … at + columns)}. */
    public static void decode(WeightType type, MemorySegment source, long row, int columns, float[] out, int at) {
        int rowBytes = Math.toIntExact(type.rowBytes(columns));
        long from = row * rowBytes;
        switch (type) {
            case F32 -> MemorySegment.copy(source, SINGLE, from, out, at, columns);
            case F16 -> {
                short[] halves = halves(source, from, columns);
                for (int i = 0; i < columns; i++) {
                    out[at + i] = Float.float16ToFloat(halves[i]);
                }
            }
            case BF16 -> {
                short[] halves = halves(source, from, columns);
                for (int i = 0; i < columns; i++) {
                    out[at + i] = Float.intBitsToFloat(halves[i] << 16);
                }
            }
            default -> {
                byte[] bytes = new byte[rowBytes];
                MemorySegment.copy(source, ValueLayout.JAVA_BYTE, from, bytes, 0, rowBytes);
                if (type == WeightType.Q8_0) {
                    bytes(bytes, columns, out, at);
                    return;
                }
                GroupedRow grouped = new GroupedRow(type, columns);
                grouped.read(bytes);
                grouped.weights(out, at);
            }
        }
    }

    private static short[] halves(MemorySegment source, long from, int columns) {
        short[] halves = new short[columns];
        MemorySegment.copy(source, HALF, from, halves, 0, columns);
        return halves;
    }

    /** Blocks of Q8_0, in which embeddings mostly lie, without arrays of codes and scales in between and a division for each weight. */
    private static void bytes(byte[] blocks, int columns, float[] out, int at) {
        for (int block = 0, from = 0; block < columns; block += 32, from += 34) {
            float scale = GroupedRow.f16(blocks, from);
            for (int i = 0; i < 32; i++) {
                out[at + block + i] = scale * blocks[from + 2 + i];
            }
        }
    }
}
