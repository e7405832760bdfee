package dev.zhulong.infer.cpu;

import dev.zhulong.kernels.WeightType;
import java.lang.foreign.MemorySegment;

/**
 * A matrix as it is stored, rows one after another.
 *
 * @param data at least {@code rows * type.rowBytes(columns)} bytes
 */
record StoredMatrix(WeightType type, MemorySegment data, int rows, int columns) {
    /** Part {@code part} of {@code parts} equal ones, by rows. */
    StoredMatrix part(int part, int parts) {
        int count = rows / parts;
        return new StoredMatrix(type, data.asSlice((long) part * count * type.rowBytes(columns)), count, columns);
    }

    /** The first of its rows. */
    StoredMatrix first(int count) {
        return new StoredMatrix(type, data, count, columns);
    }
}
