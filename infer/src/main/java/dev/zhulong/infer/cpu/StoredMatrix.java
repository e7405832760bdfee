package dev.zhulong.infer.cpu;

import dev.zhulong.kernels.WeightType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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
}
