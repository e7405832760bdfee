package dev.zhulong.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * C = A · Wᵀ for prompts and batches: W [outputs, inputs] in int8 with a scale for each row, multiplied by libtorch, some columns beside it in F32.
 *
 * <pre>{@code
 * try (var linear = Int8Linear.pack(rows, outputs, inputs, columnsInF32, 2, 256, parallel); var a = new Int8Activations(256, inputs)) {
 *     a.set(x, 0, rows, inputs, columnsInF32, parallel);
 *     linear.multiply(a, out, 0, parallel);
 * }
 * }</pre>
 *
 * <p>The bits of an output depend on its row of A and its row of W only: not on how many rows are multiplied together, not on threads or on how
 * many parts W is in, not on the processor. Sums are of integers and exact; what follows is done for each output alone. docs/PRECISION.md
 * has the error law. Weights take a byte each and are kept once.
 */
public final class Int8Linear implements AutoCloseable {
    /** Rows multiplied at once: their outputs stay in the cache until they are scaled. */
    private static final int ROWS = 128;
    private static final int BLOCK = 512;

    /** Where weights come from; called from several threads. */
    @FunctionalInterface
    public interface Rows {
        /** Writes row {@code index} of W to {@code to}, one float a column. */
        void read(int index, float[] to);
    }

    private final int outputs;
    private final int inputs;
    private final int[] keptColumns;
    private final Int8Product.Packed[] parts;
    /** The first output of each part, and {@code outputs}. */
    private final int[] first;
    private final float[] scales;
    /** Sums of a row's integers. */
    private final float[] sums;
    /** W's columns that stay in F32, [kept column, output]. */
    private final float[] kept;

    private Int8Linear(int outputs, int inputs, int[] keptColumns, int parts) {
        this.outputs = outputs;
        this.inputs = inputs;
        this.keptColumns = keptColumns.clone();
        this.parts = new Int8Product.Packed[parts];
        first = new int[parts + 1];
        for (int i = 0; i <= parts; i++) {
            // whole blocks of libtorch's kernels
            first[i] = i == parts ? outputs : outputs / 32 * i / parts * 32;
        }
        scales = new float[outputs];
        sums = new float[outputs];
        kept = new float[keptColumns.length * outputs];
    }

    /** Why this machine cannot do it, in one line, or null where it can. */
    public static String unavailable() {
        String architecture = System.getProperty("os.arch");
        if (!architecture.equals("amd64") && !architecture.equals("x86_64")) {
            return "int8 products of libtorch need an x86-64 processor with AVX2, this is " + architecture + ": use the latency route";
        }
        String problem = Libtorch.unavailable();
        return problem == null ? null : "libtorch, whose int8 products it needs, " + problem + ": use the latency route";
    }

    /**
     * Quantises and packs W.
     *
     * @param keptColumns columns that stay in F32, ascending
     * @param parts       what W's outputs are divided into; each is one piece of work, so at least as many as there are threads
     * @param typicalRows rows of A that calls will mostly have; decides what is faster, nothing else
     * @throws IllegalArgumentException      where a weight is not finite, or a column is out of order
     * @throws UnsupportedOperationException with {@link #unavailable()} where it is not null
     */
    public static Int8Linear pack(Rows weights, int outputs, int inputs, int[] keptColumns, int parts, int typicalRows, Parallel parallel) {
        if (unavailable() != null) {
            throw new UnsupportedOperationException(unavailable());
        }
        return pack(Int8Product.fastest(typicalRows), weights, outputs, inputs, keptColumns, parts, parallel);
    }

    static Int8Linear pack(Int8Product product, Rows weights, int outputs, int inputs, int[] keptColumns, int parts, Parallel parallel) {
        for (int i = 0; i < keptColumns.length; i++) {
            if (keptColumns[i] < 0 || keptColumns[i] >= inputs || i > 0 && keptColumns[i] <= keptColumns[i - 1]) {
                throw new IllegalArgumentException("columns in F32 " + Arrays.toString(keptColumns) + ": expected ascending ones of " + inputs);
            }
        }
        var linear = new Int8Linear(outputs, inputs, keptColumns, Math.clamp(outputs / 32, 1, parts));
        try {
            parallel.run(part -> linear.pack(product, weights, part), linear.parts.length);
        } catch (RuntimeException | Error e) {
            linear.close();
            throw e;
        }
        return linear;
    }

    private void pack(Int8Product product, Rows weights, int part) {
        int count = first[part + 1] - first[part];
        float[] row = new float[inputs];
        byte[] integers = new byte[inputs];
        try (var scope = TensorScope.open();
                var off = NoGrad.open();
                var alone = OneThread.open()) {
            Tensor bytes = Tensor.empty(DType.I8, count, inputs);
            MemorySegment memory = bytes.segment();
            for (int i = 0; i < count; i++) {
                int output = first[part] + i;
                weights.read(output, row);
                for (int c = 0; c < keptColumns.length; c++) {
                    kept[c * outputs + output] = row[keptColumns[c]];
                    row[keptColumns[c]] = 0;
                }
                scales[output] = quantise(row, integers, output);
                int sum = 0;
                for (byte b : integers) {
                    sum += b;
                }
                sums[output] = sum;
                MemorySegment.copy(integers, 0, memory, ValueLayout.JAVA_BYTE, (long) i * inputs, inputs);
            }
            parts[part] = product.pack(bytes);
        }
    }

    /**
     * Rounds a row to integers of −127 … 127, of which no two at columns 2i and 2i + 1 add up to more than 128 or to less than −128: 255 times that
     * is what 16 bits hold, and without VNNI libtorch adds two products in 16 bits. Returns the scale.
     */
    private static float quantise(float[] row, byte[] to, int output) {
        float largest = Math.max(ByteRows.largest(row, row.length), -ByteRows.least(row, row.length));
        if (!Float.isFinite(largest)) {
            throw new IllegalArgumentException("row " + output + " of the weights has a value that is not finite");
        }
        float pair = 0;
        for (int i = 0; i + 1 < row.length; i += 2) {
            pair = Math.max(pair, Math.abs(row[i] + row[i + 1]));
        }
        float scale = Math.max(largest / 127, pair / 128);
        if (scale < Float.MIN_NORMAL) {
            Arrays.fill(to, (byte) 0);
            return 0;
        }
        float inverse = 1 / scale;
        ByteRows.round(row, row.length, inverse, 0, to, 0);
        for (int i = 0; i + 1 < row.length; i += 2) {
            // both may have been rounded up, at most to 129: the one nearer to the boundary goes back
            int excess = Math.abs(to[i] + to[i + 1]) - 128;
            if (excess > 0) {
                int sign = Integer.signum(to[i] + to[i + 1]);
                int give = sign * (to[i] - row[i] * inverse) > sign * (to[i + 1] - row[i + 1] * inverse) ? i : i + 1;
                to[give] -= (byte) (sign * excess);
            }
        }
        return scale;
    }

    /** W's rows. */
    public int outputs() {
        return outputs;
    }

    /** W's columns. */
    public int inputs() {
        return inputs;
    }

    /** Bytes the weights take. */
    public long bytes() {
        return (long) outputs * inputs + 4L * (scales.length + sums.length + kept.length);
    }

    /**
     * Writes A · Wᵀ to {@code out[to …]}, row after row, {@link #outputs} apart. Several calls may be under way at once, with different {@code out}.
     *
     * @throws IllegalArgumentException when A has other columns than W, or keeps others in F32, or {@code out} has no room
     */
    public void multiply(Int8Activations a, float[] out, int to, Parallel parallel) {
        if (a.columns != inputs || !Arrays.equals(a.keptColumns, keptColumns)) {
            throw new IllegalArgumentException("activations [" + a.rows + ", " + a.columns + "] with " + a.keptColumns.length + " columns in F32 times weights ["
                    + outputs + ", " + inputs + "] with " + keptColumns.length + ": expected the same columns");
        }
        if (to < 0 || out.length - to < (long) a.rows * outputs) {
            throw new IllegalArgumentException("output of [" + a.rows + ", " + outputs + "] at " + to + ": there is room for " + (out.length - to));
        }
        parallel.run(part -> multiply(a, out, to, part), parts.length);
    }

    private void multiply(Int8Activations a, float[] out, int to, int part) {
        Int8Product.Packed weights = parts[part];
        int begin = first[part];
        int count = first[part + 1] - begin;
        try (var off = NoGrad.open();
                var alone = OneThread.open()) {
            for (int row = 0; row < a.rows; row += ROWS) {
                try (var scope = TensorScope.open()) {
                    int rows = Math.min(ROWS, a.rows - row);
                    MemorySegment product = weights.by.multiply(a.tensor(row, rows), weights).segment();
                    // blocks of outputs whose columns in F32 stay in the nearest cache while the rows go by
                    for (int block = 0; block < count; block += BLOCK) {
                        int width = Math.min(BLOCK, count - block);
                        for (int i = 0; i < rows; i++) {
                            finish(a, row + i, product, (long) i * count + block, out, to + (row + i) * outputs + begin + block, begin + block, width);
                        }
                    }
                }
            }
        }
    }

    private void finish(Int8Activations a, int row, MemorySegment product, long from, float[] out, int at, int output, int count) {
        MemorySegment.copy(product, ValueLayout.JAVA_FLOAT, 4 * from, out, at, count);
        ByteRows.finish(out, at, count, a.zeros[row], a.steps[row], sums, scales, output, a.kept, row * keptColumns.length, kept, keptColumns.length, outputs);
    }

    @Override
    public void close() {
        for (Int8Product.Packed part : parts) {
            if (part != null) {
                part.close();
            }
        }
    }
}
