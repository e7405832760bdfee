package dev.zhulong.compress;

import dev.zhulong.kernels.BlockRounding;
import dev.zhulong.kernels.Quantiser;
import dev.zhulong.kernels.ThreadPool;
import dev.zhulong.kernels.WeightRows;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import java.util.stream.LongStream;

/**
 * Rounds a matrix a column after another, and has the columns that are still to come make up for each one's error (GPTQ, Frantar et al. 2022), into the
 * blocks of any type. The scales of a block are chosen when its first column's turn comes, from the weights as they are by then, each counting what its
 * column does; those of 256 weights with two levels of scales, all at once.
 *
 * <p>Rows do not depend on one another: their bytes do not depend on the number of threads, as far as the products of libtorch between the blocks do not. Of
 * each row the better of what comes out and of plain rounding is kept, by what the errors cost under the Hessian.
 */
final class ErrorFeedback {
    /** Of what the matrix weighs, a figure for people, some rows say enough. */
    private static final int WEIGHED_ROWS = 512;

    private ErrorFeedback() {}

    /**
     * A rounded matrix.
     *
     * @param blocks  row by row
     * @param rounded what they stand for, F32 [out, in], kept out of scopes
     * @param before  what plain rounding with importance costs, of what the matrix itself weighs: tr(ΔW·H·ΔWᵀ) / tr(W·H·Wᵀ)
     * @param after   the same of what is kept
     * @param damping share of the diagonal's mean that had to be added to it; 0 where error feedback was not possible
     */
    record Result(byte[] blocks, Tensor rounded, double before, double after, double damping) {}

    /**
     * @param name for messages
     * @param w    F32 [out, in]
     */
    static Result round(String name, Tensor w, Hessian hessian, Optional<Hessian.Factor> factor, WeightType type, ThreadPool pool) {
        int rows = Math.toIntExact(w.size(0));
        int columns = Math.toIntExact(w.size(1));
        int rowBytes = Math.toIntExact(type.rowBytes(columns));
        float[] importance = hessian.diagonal();
        try (var off = NoGrad.open(); var scope = TensorScope.open()) {
            float[] exact = w.contiguous().toFloats();
            byte[] plain = plain(name, exact, rows, columns, type, importance, pool);
            Tensor plainWeights = decoded(plain, rows, columns, type, pool);
            float[] before = hessian.cost(plainWeights.sub(w));
            double all = weight(w, rows, hessian);
            if (factor.isEmpty() || type == WeightType.Q8_0) {
                double error = sum(before) / all;
                return new Result(plain, plainWeights.keep(), error, error, 0);
            }
            double[] squares = new double[rows];
            byte[] blocks = feedback(name, w, factor.get().tensor(), type, importance, squares, pool);
            Tensor weights = decoded(blocks, rows, columns, type, pool);
            float[] damped = weights.sub(w).square().matmul(Tensor.of(factor.get().added(), columns, 1)).toFloats();
            double[] after = new double[rows];
            for (int row = 0; row < rows; row++) {
                // the squares are what the errors cost under the damped Hessian
                after[row] = Math.max(0, squares[row] - damped[row]);
            }
            double kept = 0;
            boolean mixed = false;
            for (int row = 0; row < rows; row++) {
                if (!(after[row] <= before[row])) {
                    System.arraycopy(plain, row * rowBytes, blocks, row * rowBytes, rowBytes);
                    mixed = true;
                }
                kept += Math.max(0, after[row] <= before[row] ? after[row] : before[row]);
            }
            Tensor rounded = mixed ? decoded(blocks, rows, columns, type, pool) : weights;
            return new Result(blocks, rounded.keep(), sum(before) / all, kept / all, factor.get().damping());
        }
    }

    /** tr(W·H·Wᵀ), from rows at equal distances. */
    private static double weight(Tensor w, int rows, Hessian hessian) {
        int step = Math.ceilDiv(rows, WEIGHED_ROWS);
        long[] some = LongStream.iterate(0, row -> row < rows, row -> row + step).toArray();
        return sum(hessian.cost(w.indexSelect(0, Tensor.of(some, some.length)))) * rows / some.length;
    }

    /** Rounds rows, [rows, columns] one after another, without feedback. */
    static byte[] plain(String name, float[] exact, int rows, int columns, WeightType type, float[] importance, ThreadPool pool) {
        int rowBytes = Math.toIntExact(type.rowBytes(columns));
        byte[] all = new byte[Math.multiplyExact(rows, rowBytes)];
        pool.run(row -> {
            byte[] blocks = new byte[rowBytes];
            try {
                Quantiser.quantise(type, exact, row * columns, columns, Quantiser.Search.SCALES, importance, blocks);
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException("tensor " + name + ", row " + row + ": " + e.getMessage(), e);
            }
            System.arraycopy(blocks, 0, all, row * rowBytes, rowBytes);
        }, rows);
        return all;
    }

    /** What blocks stand for, F32 [rows, columns]. */
    static Tensor decoded(byte[] blocks, int rows, int columns, WeightType type, ThreadPool pool) {
        MemorySegment segment = MemorySegment.ofArray(blocks);
        return Tensor.empty(DType.F32, rows, columns).write_(memory -> pool.run(row -> {
            float[] values = new float[columns];
            WeightRows.decode(type, segment, row, columns, values);
            MemorySegment.copy(values, 0, memory, ValueLayout.JAVA_FLOAT, (long) row * columns * Float.BYTES, columns);
        }, rows));
    }

    private static double sum(float[] costs) {
        double sum = 0;
        for (float cost : costs) {
            sum += Math.max(0, cost);
        }
        return sum;
    }

    /**
     * @param upper   factor of the inverse Hessian
     * @param squares of the errors, each over its column's diagonal, added up by row
     */
    private static byte[] feedback(String name, Tensor w, Tensor upper, WeightType type, float[] importance, double[] squares, ThreadPool pool) {
        int rows = Math.toIntExact(w.size(0));
        int columns = Math.toIntExact(w.size(1));
        int n = type.blockElements();
        int rowBytes = Math.toIntExact(type.rowBytes(columns));
        byte[] all = new byte[Math.multiplyExact(rows, rowBytes)];
        Tensor moving = w.copy();
        for (int from = 0; from < columns; from += n) {
            int first = from;
            try (var scope = TensorScope.open()) {
                float[] block = moving.narrow(1, from, n).contiguous().toFloats();
                float[] u = upper.narrow(0, from, n).narrow(1, from, n).contiguous().toFloats();
                int at = from / n * type.blockBytes();
                pool.run(row -> {
                    try {
                        squares[row] += round(new BlockRounding(type, Quantiser.Search.SCALES), block, row * n, n, u, importance, first, all, row * rowBytes + at);
                    } catch (IllegalArgumentException e) {
                        throw new IllegalArgumentException("tensor " + name + ", row " + row + ": " + e.getMessage(), e);
                    }
                }, rows);
                int rest = columns - from - n;
                if (rest > 0) {
                    moving.narrow(1, from + n, rest).addmm_(Tensor.of(block, rows, n), upper.narrow(0, from, n).narrow(1, from + n, rest), 1, -1);
                }
            }
        }
        return all;
    }

    /** Rounds a block of a row, and leaves in its place the errors, each over its column's diagonal; returns their squares. */
    private static double round(BlockRounding rounding, float[] x, int at, int n, float[] u, float[] importance, int column, byte[] out, int to) {
        rounding.fit(x, at, importance, column);
        double squares = 0;
        for (int i = 0; i < n; i++) {
            float error = (x[at + i] - rounding.round(i, x[at + i])) / u[i * n + i];
            x[at + i] = error;
            squares += (double) error * error;
            for (int j = i + 1; j < n; j++) {
                x[at + j] -= error * u[i * n + j];
            }
        }
        rounding.pack(out, to);
        return squares;
    }
}
