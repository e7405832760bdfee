package dev.zhulong.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * C[m, n] = A[m, k] · W[n, k]ᵀ with W in any {@link WeightType}; A is quantised to int8 where W is quantised.
 *
 * <p>The bits of an output depend on its row of A and its row of W only: not on how many rows are multiplied together, not on threads, not
 * on the width of the machine's vectors. docs/PRECISION.md has the error law. One object serves one caller at a time; it holds what a
 * product in flight needs, so that none allocates.
 */
public final class MatMul {
    private final ThreadPool pool;
    // one object, so that starting a product allocates nothing
    private final ThreadPool.Task task = this::chunk;

    private PackedWeights[] weights;
    private float[][] outputs;
    private Activations activations;
    private int outputOffset;
    private int blocksInChunk;
    // for products with one matrix
    private final PackedWeights[] oneMatrix = new PackedWeights[1];
    private final float[][] oneOutput = new float[1][];
    /** Whether the product in flight is machine code's. */
    private boolean machine;
    /** What machine code writes to, [chunk, row of a tile, …]. */
    private MemorySegment results = MemorySegment.NULL;
    /** Where the last block of a matrix goes when its rows end within it, [matrix, row, lane]; no other block uses it. */
    private float[] whole = {};

    /** Products on the threads of {@code pool}. */
    public MatMul(ThreadPool pool) {
        this.pool = pool;
    }

    /**
     * Writes A · Wᵀ to {@code c[offset …]}, rows one after another, {@code w.rows()} apart.
     *
     * @throws IllegalArgumentException when A has not the columns of W, or C has no room
     */
    public void multiply(Activations a, PackedWeights w, float[] c, int offset) {
        oneMatrix[0] = w;
        oneOutput[0] = c;
        multiply(a, oneMatrix, oneOutput, offset);
        oneMatrix[0] = null;
        oneOutput[0] = null;
    }

    /**
     * Several products of one A, as one region of work: each to its own output, from {@code offset} on. The arrays are only read.
     *
     * @throws IllegalArgumentException when A has not the columns of a W, or a C has no room
     * @throws IllegalStateException    when the arena of a W is closed, which must not happen while a product is in flight
     */
    public void multiply(Activations a, PackedWeights[] w, float[][] c, int offset) {
        int blocks = 0;
        machine = MachineKernel.isUsed();
        for (int i = 0; i < w.length; i++) {
            check(a, w[i], c[i], offset);
            a.prepare(w[i], machine, pool);
            blocks += w[i].blocks();
        }
        weights = w;
        activations = a;
        outputs = c;
        outputOffset = offset;
        if (whole.length < 8 * Lanes.COUNT * w.length) {
            whole = new float[8 * Lanes.COUNT * w.length];
        }
        // some chunks a thread, so that a thread that was held up hands work on; not so small that streams of weights are short
        blocksInChunk = a.rows() == 1 ? Math.clamp(blocks / (pool.threads() * 2L), 1, IntegerKernelCode.MOST_BLOCKS)
                : Math.clamp(blocks / (pool.threads() * 4L), 1, 8);
        int chunks = 0;
        for (PackedWeights matrix : w) {
            chunks += chunks(matrix);
        }
        if (machine && results.byteSize() < (long) chunks * 8 * IntegerKernelCode.OUTPUT_STRIDE) {
            results = Arena.ofAuto().allocate((long) chunks * 8 * IntegerKernelCode.OUTPUT_STRIDE, 64);
        }
        pool.run(task, chunks);
        weights = null;
        activations = null;
        outputs = null;
    }

    private static void check(Activations a, PackedWeights w, float[] c, int offset) {
        // machine code is given addresses, which nothing guards
        if (!w.data.scope().isAlive()) {
            throw new IllegalStateException("the memory of weights [" + w.rows() + ", " + w.columns() + "] has been closed");
        }
        if (a.columns() != w.columns()) {
            throw new IllegalArgumentException("activations [" + a.rows() + ", " + a.columns() + "] times weights [" + w.rows() + ", "
                    + w.columns() + "]: expected equal columns");
        }
        if (offset < 0 || c.length - offset < (long) a.rows() * w.rows()) {
            throw new IllegalArgumentException("output of [" + a.rows() + ", " + w.rows() + "] at " + offset + ": there is room for " + c.length);
        }
    }

    private int chunks(PackedWeights matrix) {
        return (matrix.blocks() + blocksInChunk - 1) / blocksInChunk;
    }

    private void chunk(int number) {
        int matrix = 0;
        int chunk = number;
        while (chunk >= chunks(weights[matrix])) {
            chunk -= chunks(weights[matrix++]);
        }
        PackedWeights w = weights[matrix];
        float[] output = outputs[matrix];
        Activations a = activations;
        int stride = w.rows();
        int first = chunk * blocksInChunk;
        int end = Math.min(w.blocks(), first + blocksInChunk);
        if (machine && w.form != PackedWeights.Form.FLOATS) {
            machine(w, first, end, a, output, (long) number * 8 * IntegerKernelCode.OUTPUT_STRIDE);
            return;
        }
        // the weights of a chunk stay in the cache while the rows of A go by
        for (int tile = 0; tile < a.tiles(); tile++) {
            for (int block = first; block < end; block++) {
                int at = outputOffset + 8 * tile * stride + block * Lanes.COUNT;
                int lanes = w.rows() - block * Lanes.COUNT;
                if (lanes >= Lanes.COUNT) {
                    multiply(w, block, a, tile, output, at, stride);
                    continue;
                }
                int spare = 8 * Lanes.COUNT * matrix;
                multiply(w, block, a, tile, whole, spare, Lanes.COUNT);
                for (int row = 0; row < Math.min(8, a.rows() - 8 * tile); row++) {
                    System.arraycopy(whole, spare + row * Lanes.COUNT, output, at + row * stride, lanes);
                }
            }
        }
    }

    /** As a chunk, on machine code, whose results are in native memory at {@code at} before they are in {@code output}. */
    private void machine(PackedWeights w, int first, int end, Activations a, float[] output, long at) {
        int from = first * Lanes.COUNT;
        int count = Math.min(w.rows(), end * Lanes.COUNT) - from;
        for (int tile = 0; tile < a.tiles(); tile++) {
            MachineKernel.of(w, a.tileRows(tile)).multiply(w, first, end - first, a.records, tile, results.address() + at);
            for (int row = 0; row < Math.min(8, a.rows() - 8 * tile); row++) {
                MemorySegment.copy(results, ValueLayout.JAVA_FLOAT, at + (long) row * IntegerKernelCode.OUTPUT_STRIDE, output,
                        outputOffset + (8 * tile + row) * w.rows() + from, count);
            }
        }
    }

    private static void multiply(PackedWeights w, int block, Activations a, int tile, float[] c, int at, int stride) {
        if (KernelWarmth.of(w, a.tileRows(tile)).isWarm()) {
            vectors(w, block, a, tile, c, at, stride);
        } else {
            PlainKernel.multiply(w, block, a, tile, c, at, stride);
        }
    }

    static void vectors(PackedWeights w, int block, Activations a, int tile, float[] c, int at, int stride) {
        switch (w.form) {
            case NIBBLES -> NibbleKernel.multiply(w, block, a, tile, c, at, stride);
            case BYTES -> ByteKernel.multiply(w, block, a, tile, c, at, stride);
            case FLOATS -> FloatKernel.multiply(w, block, a, tile, c, at, stride);
        }
    }
}
