package dev.zhulong.infer.cpu;

import dev.zhulong.kernels.WeightRows;
import dev.zhulong.kernels.WeightType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.stream.IntStream;

/**
 * A matrix as it is stored, rows one after another.
 *
 * @param data at least {@code rows * type.rowBytes(columns)} bytes
 */
record StoredMatrix(WeightType type, MemorySegment data, int rows, int columns) {
    /** Some of its rows in their order; they stay where they are where one follows the other. @param scratch where they go else */
    StoredMatrix some(int[] of, Arena scratch) {
        long bytes = type.rowBytes(columns);
        if (IntStream.range(1, of.length).allMatch(i -> of[i] == of[0] + i)) {
            return new StoredMatrix(type, data.asSlice(of[0] * bytes, of.length * bytes), of.length, columns);
        }
        MemorySegment to = scratch.allocate(of.length * bytes, 64);
        for (int i = 0; i < of.length; i++) {
            MemorySegment.copy(data, of[i] * bytes, to, i * bytes, bytes);
        }
        return new StoredMatrix(type, to, of.length, columns);
    }

    /** The first of its rows. */
    StoredMatrix first(int count) {
        return new StoredMatrix(type, data, count, columns);
    }

    /** Rows for columns, in floating point: blocks that are quantised along a row cannot be turned over and become F32. */
    StoredMatrix turnedOver(Arena scratch) {
        WeightType to = turnedOver(type);
        float[] row = new float[columns];
        MemorySegment turned = scratch.allocate(columns * to.rowBytes(rows), 64);
        for (int r = 0; r < rows; r++) {
            WeightRows.decode(type, data, r, columns, row);
            for (int c = 0; c < columns; c++) {
                long at = (long) c * rows + r;
                switch (to) {
                    case F16 -> turned.setAtIndex(ValueLayout.JAVA_SHORT, at, Float.floatToFloat16(row[c]));
                    case BF16 -> turned.setAtIndex(ValueLayout.JAVA_SHORT, at, (short) (Float.floatToRawIntBits(row[c]) >>> 16));
                    default -> turned.setAtIndex(ValueLayout.JAVA_FLOAT, at, row[c]);
                }
            }
        }
        return new StoredMatrix(to, turned, columns, rows);
    }

    /** The type that a matrix of {@code type} has when it is turned over. */
    static WeightType turnedOver(WeightType type) {
        return type.quantised() ? WeightType.F32 : type;
    }
}
