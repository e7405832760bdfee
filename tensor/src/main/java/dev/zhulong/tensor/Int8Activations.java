package dev.zhulong.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Rows of activations A [rows, columns] as unsigned bytes, each row with a scale and a zero of its own, and beside them the columns that stay in
 * F32. Made once for the most rows and columns, then filled again and again; several {@link Int8Linear} of one input read the same.
 *
 * <p>With lo and hi the least and largest of a row (0 included, columns in F32 left out), step = (hi − lo) / 254 and zero = round(−lo / step), a
 * byte is q = round(a / step) + zero, and step · (q − zero) is within half a step of a. A row with a value that is not finite has NaN for its
 * scale, so that all its products are NaN.
 */
public final class Int8Activations implements AutoCloseable {
    /** A row that spans less is zeros: the reciprocal of its step might not be finite. */
    private static final float LEAST = 0x1p-100f;
    /** That many rows are quantised in. */
    private static final int PIECES = 8;

    private final Arena arena = Arena.ofShared();
    private final int maxRows;
    private final int maxColumns;
    private final MemorySegment memory;
    private final byte[] bytes;
    private final Tensor tensor;
    /** A row without the columns that stay in F32. */
    private final float[][] scratch;

    final float[] steps;
    final float[] zeros;
    /** [row, kept column] */
    float[] kept = {};
    int[] keptColumns = {};
    int rows;
    int columns;

    /** Room for {@code maxRows} rows of {@code maxColumns}. */
    public Int8Activations(int maxRows, int maxColumns) {
        this.maxRows = maxRows;
        this.maxColumns = maxColumns;
        int size = Math.multiplyExact(maxRows, maxColumns);
        memory = arena.allocate(size, 64);
        bytes = new byte[size];
        scratch = new float[maxRows < 16 ? 1 : PIECES][maxColumns];
        try (var scope = TensorScope.open()) {
            tensor = Tensor.view(memory, DType.U8, size).keep();
        }
        steps = new float[maxRows];
        zeros = new float[maxRows];
    }

    /**
     * Takes rows from {@code from[at …]}, row after row; {@code from} may change afterwards.
     *
     * @param keptColumns the columns that stay in F32, ascending: those that the weights were packed with
     */
    public void set(float[] from, int at, int newRows, int newColumns, int[] keptColumns, Parallel parallel) {
        if (newRows < 1 || newRows > maxRows || newColumns < 1 || newColumns > maxColumns) {
            throw new IllegalArgumentException("activations [" + newRows + ", " + newColumns + "]: there is room for [" + maxRows + ", " + maxColumns
                    + "]");
        }
        if (at < 0 || from.length - at < (long) newRows * newColumns) {
            throw new IllegalArgumentException("activations [" + newRows + ", " + newColumns + "] at " + at + " of an array of " + from.length);
        }
        rows = newRows;
        columns = newColumns;
        this.keptColumns = keptColumns;
        if (kept.length < maxRows * keptColumns.length) {
            kept = new float[maxRows * keptColumns.length];
        }
        int pieces = rows < 16 ? 1 : PIECES;
        parallel.run(piece -> {
            for (int row = rows * piece / pieces; row < rows * (piece + 1) / pieces; row++) {
                quantise(from, at + row * columns, row, scratch[piece]);
            }
        }, pieces);
    }

    /** As U8 [rows, columns], in the open scope. */
    Tensor tensor(int from, int count) {
        return tensor.narrow(0, (long) from * columns, (long) count * columns).view(count, columns);
    }

    private void quantise(float[] x, int at, int row, float[] copy) {
        System.arraycopy(x, at, copy, 0, columns);
        int n = keptColumns.length;
        float check = 0;
        for (int i = 0; i < n; i++) {
            float value = copy[keptColumns[i]];
            kept[row * n + i] = value;
            check += value * 0;
            copy[keptColumns[i]] = 0;
        }
        float low = ByteRows.least(copy, columns);
        float high = ByteRows.largest(copy, columns);
        float span = high - low;
        float inverse = 0;
        if (span > LEAST && span < Float.POSITIVE_INFINITY) {
            inverse = 254 / span;
            steps[row] = check + span / 254;
        } else {
            // what is not finite is passed on; a span of nothing is zeros
            steps[row] = check + (span <= LEAST ? 0 : Float.NaN);
        }
        int zero = Math.round(-low * inverse);
        zeros[row] = zero;
        ByteRows.round(copy, columns, inverse, zero, bytes, row * columns);
        MemorySegment.copy(bytes, row * columns, memory, ValueLayout.JAVA_BYTE, (long) row * columns, columns);
    }

    @Override
    public void close() {
        tensor.close();
        arena.close();
    }
}
