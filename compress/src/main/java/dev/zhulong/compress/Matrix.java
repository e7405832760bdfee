package dev.zhulong.compress;

import dev.zhulong.formats.HalfFloats;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.gguf.GgufTensor;
import dev.zhulong.kernels.Quantiser;
import dev.zhulong.kernels.ThreadPool;
import dev.zhulong.kernels.WeightRows;
import dev.zhulong.kernels.WeightType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.IntFunction;

/**
 * A stored matrix as rows of floats, to be stored again in another type.
 *
 * @param name    for messages
 * @param rows    how many
 * @param columns weights of a row
 * @param source  gives a row
 */
record Matrix(String name, int rows, int columns, Rows source) {
    /** Reads a row into the start of {@code out}; asked by several threads at once. */
    @FunctionalInterface
    interface Rows {
        void read(int row, float[] out);
    }

    /**
     * Of Hugging Face's files.
     *
     * @param transposed whether the file has it input by output; the rows given are always outputs
     */
    static Matrix of(TensorView view, boolean transposed) {
        int rows = Math.toIntExact(view.shape()[transposed ? 1 : 0]);
        int columns = Math.toIntExact(view.shape()[transposed ? 0 : 1]);
        int bytes = view.type().bytes();
        MemorySegment data = view.data();
        return new Matrix(view.name(), rows, columns, (row, out) -> {
            MemorySegment target = MemorySegment.ofArray(out);
            if (!transposed) {
                HalfFloats.toF32(view.type(), data.asSlice((long) row * columns * bytes, (long) columns * bytes),
                        target.asSlice(0, (long) columns * Float.BYTES));
                return;
            }
            for (int column = 0; column < columns; column++) {
                HalfFloats.toF32(view.type(), data.asSlice(((long) column * rows + row) * bytes, bytes),
                        target.asSlice((long) column * Float.BYTES, Float.BYTES));
            }
        });
    }

    /** Of a GGUF file, in its order of rows; the matrices of experts below one another. */
    static Matrix of(GgufTensor tensor) {
        WeightType type = WeightType.valueOf(tensor.type().name());
        int columns = Math.toIntExact(tensor.shape()[tensor.shape().length - 1]);
        int rows = Math.toIntExact(tensor.elements() / columns);
        return new Matrix(tensor.name(), rows, columns, (row, out) -> WeightRows.decode(type, tensor.data(), row, columns, out));
    }

    /**
     * The whole matrix as {@code type}, row by row.
     *
     * @param importance what the columns of a row count; null, or null of a row, where nothing is known of them
     * @throws IllegalArgumentException naming the tensor, when a weight is not finite or too large for the type
     */
    MemorySegment as(WeightType type, IntFunction<float[]> importance, ThreadPool pool, Arena arena) {
        int bytes = Math.toIntExact(type.rowBytes(columns));
        MemorySegment target = arena.allocate((long) rows * bytes, 64);
        pool.run(row -> {
            float[] values = new float[columns];
            source.read(row, values);
            MemorySegment to = target.asSlice((long) row * bytes, bytes);
            try {
                if (type.quantised()) {
                    byte[] blocks = new byte[bytes];
                    Quantiser.quantise(type, values, 0, columns, Quantiser.Search.SCALES, importance == null ? null : importance.apply(row), blocks);
                    MemorySegment.copy(blocks, 0, to, ValueLayout.JAVA_BYTE, 0, bytes);
                } else {
                    narrow(type, values, to);
                }
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException("tensor " + name + ", row " + row + ": " + e.getMessage(), e);
            }
        }, rows);
        return target;
    }

    private static void narrow(WeightType type, float[] values, MemorySegment to) {
        for (float value : values) {
            if (!Float.isFinite(value) || type == WeightType.F16 && Math.abs(value) >= 65520) {
                throw new IllegalArgumentException("expected finite weights that " + type + " can hold, found " + value
                        + (type == WeightType.F16 ? "; use bf16 or f32" : ""));
            }
        }
        HalfFloats.fromF32(MemorySegment.ofArray(values), StorageType.valueOf(type.name()), to);
    }
}
