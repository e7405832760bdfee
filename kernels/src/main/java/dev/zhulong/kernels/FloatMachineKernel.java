package dev.zhulong.kernels;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Machine code for products in floating point, made when it is first asked for; see {@link FloatKernelCode}. */
final class FloatMachineKernel {
    /** Reads and writes arrays where they lie: while it runs, a fraction of a millisecond, there is no garbage collection. */
    private static final MethodHandle CALL = MachineKernel.isThere() ? Linker.nativeLinker().downcallHandle(FunctionDescriptor.ofVoid(ValueLayout.ADDRESS,
            ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.ADDRESS), Linker.Option.critical(true)) : null;

    private static final Map<FloatKernelCode.Shape, MemorySegment> CODE = new ConcurrentHashMap<>();

    /** Numbers in rows. @param at the first one @param step from a row to the next */
    record Rows(MemorySegment floats, int at, int step) {
        static Rows of(float[] floats, int at, int step) {
            return new Rows(MemorySegment.ofArray(floats), at, step);
        }

        private MemorySegment from(int row, int column) {
            return floats.asSlice(4L * (at + (long) row * step + column));
        }
    }

    private FloatMachineKernel() {}

    /** Whether it multiplies these rows with these weights: a single one is bound by memory, whatever multiplies. */
    static boolean multiplies(PackedWeights w, Activations a) {
        return w.form == PackedWeights.Form.FLOATS && a.isInOrder() && MachineKernel.isUsed();
    }

    /**
     * So many rows of {@code a} times whole blocks of {@code w}, in units of 32 columns.
     *
     * @param first block
     * @param end   behind the last block, none of which ends beyond the rows of W
     * @param bias  what is added to each row, a number for each row of W; null for nothing
     */
    static void multiply(PackedWeights w, int first, int end, Rows a, int rows, Rows c, float[] bias) {
        MemorySegment data = w.data.asSlice(first * w.blockBytes);
        var to = new Rows(c.floats, c.at + first * Lanes.COUNT, c.step);
        multiply(data, Math.toIntExact(w.columnStep), Math.toIntExact(w.blockBytes), end - first, a, rows, to, w.columns(), 0, 0, w.wide ? WeightType.F32 : w.type(),
                bias == null ? null : MemorySegment.ofArray(bias).asSlice(4L * first * Lanes.COUNT));
    }

    /**
     * Rows times blocks of vectors, one sum over all columns.
     *
     * @param columnStep numbers from the vector of a column to the next
     * @param blockStep  numbers from a block to the next
     */
    static void multiply(Rows vectors, int columnStep, int blockStep, int blocks, Rows a, int rows, int columns, Rows c) {
        multiply(vectors.from(0, 0), Float.BYTES * columnStep, Float.BYTES * blockStep, blocks, a, rows, c, 0, columns / FloatKernelCode.STEPS, columns % FloatKernelCode.STEPS,
                WeightType.F32, null);
    }

    private static void multiply(MemorySegment vectors, int columnStep, int blockStep, int blocks, Rows a, int rows, Rows c, int columns, int n, int rest,
            WeightType type, MemorySegment bias) {
        int most = FloatKernelCode.mostRows(MachineKernel.isWide());
        for (int row = 0; row < rows; row += most) {
            int count = Math.min(most, rows - row);
            for (int block = 0; block < blocks; ) {
                int together = Math.min(FloatKernelCode.mostBlocks(type, MachineKernel.isWide()), blocks - block);
                int groups = (blocks - block) / together;
                var shape = new FloatKernelCode.Shape(count, together, Float.BYTES * a.step, columnStep, blockStep, Float.BYTES * c.step, columns,
                        columns == 0 && n > 0, columns == 0 && rest > 0, type, bias != null);
                MemorySegment code = CODE.get(shape);
                if (code == null) {
                    code = CODE.computeIfAbsent(shape, each -> MachineKernel.load(FloatKernelCode.emit(each, MachineKernel.isWide())));
                }
                call(code, vectors.asSlice((long) block * blockStep), a.from(row, 0), c.from(row, block * Lanes.COUNT), groups, n, rest,
                        bias == null ? MemorySegment.NULL : bias.asSlice((long) block * Lanes.BYTES));
                block += groups * together;
            }
        }
    }

    private static void call(MemorySegment code, MemorySegment vectors, MemorySegment a, MemorySegment c, long groups, long n, long rest, MemorySegment bias) {
        try {
            CALL.invokeExact(code, vectors, a, c, groups, n, rest, bias);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }
}
