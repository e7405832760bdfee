package dev.zhulong.kernels;

import dev.zhulong.kernels.FloatMachineKernel.Rows;
import dev.zhulong.kernels.MachineKernel.To;
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
    /** Rows whose tiles are so few that weights are read from memory more than from the cache. */
    private static final int FEW_ROWS = 16;
    /** Tiles of eight rows that machine code multiplies in a call, for which garbage collection may wait. */
    private static final int MOST_TILES = 16;

    /** What is made of outputs by the thread that made them, while they are in its cache. */
    @FunctionalInterface
    public interface Finish {
        /** Changes {@code n} numbers of each of some rows, which begin {@code stride} apart, the first at {@code x[at]}. */
        void apply(float[] x, int at, int rows, int stride, int n);
    }

    private final ThreadPool pool;
    // one object, so that starting a product allocates nothing
    private final ThreadPool.Task task = this::chunk;

    /** [group of A's rows, matrix]. */
    private PackedWeights[][] weights;
    private float[][] outputs;
    private float[][] biases;
    private Finish finish;
    private Activations activations;
    private int outputOffset;
    private int blocksInChunk;
    // for products with one matrix, and with one group
    private final PackedWeights[] oneMatrix = new PackedWeights[1];
    private final float[][] oneOutput = new float[1][];
    private final PackedWeights[][] oneGroup = new PackedWeights[1][];
    /** Whether the product in flight is machine code's. */
    private boolean machine;
    /** What machine code writes to, [row of a tile, …]. */
    private final ThreadLocal<MemorySegment> results = ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(8L * IntegerKernelCode.OUTPUT_STRIDE, 64));
    /** Where the last block of a matrix goes when its rows end within it, [group, matrix, row, lane]; no other block uses it. */
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
        multiply(a, w, c, offset, null);
    }

    /**
     * Several products of one A, plus what is added to each row of an output.
     *
     * @param biases one for each output, of which some may be null; null for none at all
     */
    public void multiply(Activations a, PackedWeights[] w, float[][] c, int offset, float[][] biases) {
        multiply(a, w, c, offset, biases, null);
    }

    /**
     * The same, and what is made of outputs.
     *
     * @param finish null for nothing
     */
    public void multiply(Activations a, PackedWeights[] w, float[][] c, int offset, float[][] biases, Finish finish) {
        oneGroup[0] = w;
        multiply(a, oneGroup, c, offset, biases, finish);
        oneGroup[0] = null;
    }

    /**
     * Products of groups of A's rows, each with matrices of its own, as one region of work. The arrays are only read.
     *
     * @param w of each group as many matrices; those of a number have as many rows in all groups
     * @param c for each number of a matrix what it gives, [rows of A, rows of W]
     * @throws IllegalArgumentException when A has not the columns of a W or as many groups, or a C has no room
     * @throws IllegalStateException    when the arena of a W is closed, which must not happen while a product is in flight
     */
    public void multiplyGroups(Activations a, PackedWeights[][] w, float[][] c) {
        multiply(a, w, c, 0, null, null);
    }

    private void multiply(Activations a, PackedWeights[][] w, float[][] c, int offset, float[][] biases, Finish finish) {
        if (w.length < a.groups()) {
            throw new IllegalArgumentException("activations in " + a.groups() + " groups times weights for " + w.length);
        }
        int blocks = 0;
        machine = MachineKernel.isUsed();
        boolean floats = false;
        for (int group = 0; group < a.groups(); group++) {
            for (int i = 0; i < w[group].length; i++) {
                PackedWeights matrix = w[group][i];
                check(a, matrix, c[i], offset);
                if (matrix.rows() != w[0][i].rows()) {
                    throw new IllegalArgumentException("weights of [" + matrix.rows() + ", " + matrix.columns() + "] among others of " + w[0][i].rows() + " rows");
                }
                boolean asTheyLie = FloatMachineKernel.multiplies(matrix, a);
                if (!asTheyLie || matrix.rows() % Lanes.COUNT != 0) {
                    a.prepare(matrix, machine, pool);
                }
                floats |= asTheyLie;
                blocks += matrix.blocks();
            }
        }
        weights = w;
        activations = a;
        outputs = c;
        this.biases = biases;
        this.finish = finish;
        outputOffset = offset;
        int spares = 8 * Lanes.COUNT * w[0].length * a.groups();
        if (whole.length < spares) {
            whole = new float[spares];
        }
        // some chunks a thread, so that a thread that was held up hands work on; not so small that streams of weights are short
        blocksInChunk = a.isSingle() ? Math.clamp(blocks / (pool.threads() * 2L), 1, IntegerKernelCode.MOST_BLOCKS)
                : Math.clamp(blocks / (pool.threads() * 4L), 1, 8);
        if (floats) {
            // whole groups, for which rows are read once
            blocksInChunk = Math.max(1, blocksInChunk / FloatKernelCode.MOST_BLOCKS) * FloatKernelCode.MOST_BLOCKS;
        } else if (!a.isSingle()) {
            blocksInChunk = pairs(blocksInChunk, a.groups(), w);
        }
        pool.run(task, chunks(w, a.groups()));
        weights = null;
        activations = null;
        outputs = null;
        this.biases = null;
        this.finish = null;
    }

    /** Blocks of a chunk, two by two as machine code multiplies them: at most so many, but as the thread that is given most has fewest. */
    private int pairs(int most, int groups, PackedWeights[][] w) {
        int best = 0;
        int fewest = Integer.MAX_VALUE;
        for (int size = (most + 1) / 2 * 2; size >= 2 && 2 * size >= most; size -= 2) {
            blocksInChunk = size;
            int chunks = chunks(w, groups);
            int longest = (chunks + pool.threads() - 1) / pool.threads() * size;
            if (longest < fewest) {
                fewest = longest;
                best = size;
            }
        }
        return best;
    }

    private int chunks(PackedWeights[][] w, int groups) {
        int chunks = 0;
        for (int group = 0; group < groups; group++) {
            for (PackedWeights matrix : w[group]) {
                chunks += chunks(matrix);
            }
        }
        return chunks;
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
        int group = 0;
        int matrix = 0;
        int chunk = number;
        while (chunk >= chunks(weights[group][matrix])) {
            chunk -= chunks(weights[group][matrix]);
            if (++matrix == weights[group].length) {
                matrix = 0;
                group++;
            }
        }
        PackedWeights w = weights[group][matrix];
        float[] output = outputs[matrix];
        Activations a = activations;
        int stride = w.rows();
        int first = chunk * blocksInChunk;
        int end = Math.min(w.blocks(), first + blocksInChunk);
        int whole = FloatMachineKernel.multiplies(w, a) ? Math.max(first, Math.min(end, stride / Lanes.COUNT)) : first;
        int spare = 8 * Lanes.COUNT * (group * weights[group].length + matrix);
        MemorySegment to = machine ? MemorySegment.ofArray(output) : null;
        float[] bias = biases == null ? null : biases[matrix];
        boolean integers = machine && w.form != PackedWeights.Form.FLOATS;
        int together = 1;
        // the weights of a chunk stay in the cache while the rows of A go by
        for (int row = 0; row < a.groupRows(group); row += 8 * together) {
            int tile = a.groupTile(group) + row / 8;
            int at = outputOffset + (a.groupFirst(group) + row) * stride;
            together = integers ? Math.clamp((a.groupRows(group) - row) / 8, 1, MOST_TILES) : 1;
            if (integers) {
                machine(w, first, end, a, tile, together, a.groupRows(group) > FEW_ROWS, output, to, at, bias);
            } else {
                if (whole > first) {
                    FloatMachineKernel.multiply(w, first, whole, a.tileSource(tile), a.tileCount(tile), new Rows(to, at, stride), bias);
                }
                vectors(w, whole, end, a, tile, output, at, spare);
                if (bias != null && whole < end) {
                    add(bias, output, at, stride, a.tileCount(tile), whole, end);
                }
            }
            if (finish != null) {
                int from = first * Lanes.COUNT;
                finish.apply(output, at + from, together > 1 ? 8 * together : a.tileCount(tile), stride, Math.min(stride, end * Lanes.COUNT) - from);
            }
        }
    }

    /** Adds to these blocks' outputs of some rows. */
    private static void add(float[] bias, float[] output, int row0, int stride, int rows, int first, int end) {
        int from = first * Lanes.COUNT;
        for (int r = 0; r < rows; r++) {
            DecoderOps.add(output, row0 + r * stride + from, bias, from, Math.min(stride, end * Lanes.COUNT) - from);
        }
    }

    /** A tile on the Vector API; the last block goes by {@code whole[spare …]} when the rows of W end within it. */
    private void vectors(PackedWeights w, int first, int end, Activations a, int tile, float[] output, int row0, int spare) {
        int stride = w.rows();
        for (int block = first; block < end; block++) {
            int at = row0 + block * Lanes.COUNT;
            int lanes = stride - block * Lanes.COUNT;
            if (lanes >= Lanes.COUNT) {
                multiply(w, block, a, tile, output, at, stride);
                continue;
            }
            multiply(w, block, a, tile, whole, spare, Lanes.COUNT);
            for (int r = 0; r < a.tileCount(tile); r++) {
                System.arraycopy(whole, spare + r * Lanes.COUNT, output, at + r * stride, lanes);
            }
        }
    }

    /** A tile, or several whole ones, on machine code; what would be written beyond the rows of the output is written to memory of this thread first. */
    private void machine(PackedWeights w, int first, int end, Activations a, int tile, int tiles, boolean again, float[] output, MemorySegment to,
            int row0, float[] bias) {
        int rows = a.tileCount(tile);
        int stride = w.rows();
        int whole = rows == a.tileRows(tile) ? Math.max(first, Math.min(end, stride / Lanes.COUNT)) : first;
        if (whole > first) {
            int from = first * Lanes.COUNT;
            MachineKernel.of(w, rows, bias == null ? To.ROWS : To.ROWS_WITH_BIAS).multiply(w, first, whole - first, a.records, tile, tiles, again, to.asSlice(4L * (row0 + from)),
                    bias == null ? null : MemorySegment.ofArray(bias).asSlice(4L * from));
        }
        if (whole < end) {
            MemorySegment results = this.results.get();
            int from = whole * Lanes.COUNT;
            int count = Math.min(stride, end * Lanes.COUNT) - from;
            for (int t = 0; t < tiles; t++) {
                int at = row0 + 8 * t * stride;
                MachineKernel.of(w, a.tileRows(tile), To.APART).multiply(w, whole, end - whole, a.records, tile + t, 1, again, results, null);
                for (int r = 0; r < rows; r++) {
                    MemorySegment.copy(results, ValueLayout.JAVA_FLOAT, (long) r * IntegerKernelCode.OUTPUT_STRIDE, output, at + r * stride + from, count);
                }
                if (bias != null) {
                    add(bias, output, at, stride, rows, whole, end);
                }
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
            case CRUMBS -> CrumbKernel.multiply(w, block, a, tile, c, at, stride);
            case NIBBLES -> NibbleKernel.multiply(w, block, a, tile, c, at, stride);
            case BYTES -> ByteKernel.multiply(w, block, a, tile, c, at, stride);
            case FLOATS -> FloatKernel.multiply(w, block, a, tile, c, at, stride);
        }
    }
}
