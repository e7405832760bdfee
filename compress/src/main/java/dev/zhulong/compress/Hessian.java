package dev.zhulong.compress;

import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.Optional;

/**
 * The mean of x·xᵀ over the inputs of a matrix, [in, in]: what squared errors of the matrix' weights cost together. Its diagonal is the
 * {@link Importance} of the columns.
 */
final class Hessian implements AutoCloseable {
    /** Of the mean of the diagonal, added to it: at first, and where no factor is found ten times as much, up to all of it (Frantar et al. 2022). */
    private static final double DAMPING = 0.01;
    private static final double MOST_DAMPING = 1;
    /** With fewer rows there is nothing to learn of how columns go together. */
    static final int LEAST_ROWS = 32;

    private final int columns;
    private final Tensor sum;
    private long rows;
    private long skipped;

    Hessian(int columns) {
        this.columns = columns;
        sum = Tensor.zeros(DType.F32, columns, columns).keep();
    }

    static long bytes(long columns) {
        return columns * columns * Float.BYTES;
    }

    /** Rows [.., in]; those that are not finite are left out. */
    void add(Tensor x) {
        Tensor all = x.reshape(-1, columns);
        Tensor given = all.square().sum().hasNonFinite() ? SquaredInputs.finiteRows(all) : all;
        skipped += all.size(0) - given.size(0);
        rows += given.size(0);
        sum.addmm_(given.transpose(0, 1), given);
    }

    long rows() {
        return rows;
    }

    /** Rows that were left out. */
    long skipped() {
        return skipped;
    }

    int columns() {
        return columns;
    }

    /** Means of squares by column. */
    float[] diagonal() {
        float[] diagonal = new float[columns];
        try (var scope = TensorScope.open()) {
            float[] values = sum.reshape(-1).unfold(0, 1, columns + 1L).toFloats();
            for (int i = 0; i < columns; i++) {
                diagonal[i] = values[i] / Math.max(1, rows);
            }
        }
        return diagonal;
    }

    /** For each row of [rows, in] what it costs: row · H · rowᵀ. */
    float[] cost(Tensor errors) {
        try (var scope = TensorScope.open()) {
            return errors.matmul(sum).mul(errors).sum(1, false).mul(1.0 / Math.max(1, rows)).toFloats();
        }
    }

    /**
     * The upper triangular factor of the inverse.
     *
     * @param tensor  [in, in], kept out of scopes
     * @param damping the share of the diagonal's mean that it took
     * @param added   what was added to the diagonal, by column
     */
    record Factor(Tensor tensor, double damping, float[] added) {}

    /** Empty where there are too few rows, or no damping helps. */
    Optional<Factor> factor() {
        if (rows < LEAST_ROWS) {
            return Optional.empty();
        }
        float[] diagonal = diagonal();
        double mean = 0;
        for (float value : diagonal) {
            mean += value / columns;
        }
        if (!(mean > 0) || Double.isInfinite(mean)) {
            return Optional.empty();
        }
        for (double damping = DAMPING; damping <= MOST_DAMPING * 1.001; damping *= 10) {
            try (var scope = TensorScope.open()) {
                float[] added = new float[columns];
                for (int i = 0; i < columns; i++) {
                    // a column that was never given anything goes with no other, and costs what an average one does
                    added[i] = (float) (damping * mean + (diagonal[i] == 0 ? mean : 0));
                }
                Tensor damped = sum.mul(1.0 / rows);
                Tensor on = damped.reshape(-1).unfold(0, 1, columns + 1L);
                on.add_(Tensor.of(added, columns, 1));
                Optional<Tensor> upper = damped.cholesky().map(Tensor::choleskyInverse).flatMap(Tensor::cholesky).map(lower -> lower.transpose(0, 1).contiguous());
                if (upper.isPresent()) {
                    return Optional.of(new Factor(upper.get().keep(), damping, added));
                }
            }
        }
        return Optional.empty();
    }

    @Override
    public void close() {
        sum.close();
    }
}
