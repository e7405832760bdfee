package dev.zhulong.kernels;

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

    private PackedWeights weights;
    private Activations activations;
    private float[] output;
    private int outputOffset;
    private int stride;
    private int blocksInChunk;
    /** Where the last block goes when W's rows end within it; no other block uses it. */
    private final float[] whole = new float[8 * Lanes.COUNT];

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
        if (a.columns() != w.columns()) {
            throw new IllegalArgumentException("activations [" + a.rows() + ", " + a.columns() + "] times weights [" + w.rows() + ", "
                    + w.columns() + "]: expected equal columns");
        }
        if (offset < 0 || c.length - offset < (long) a.rows() * w.rows()) {
            throw new IllegalArgumentException("output of [" + a.rows() + ", " + w.rows() + "] at " + offset + ": there is room for " + c.length);
        }
        a.prepare(w, pool);
        weights = w;
        activations = a;
        output = c;
        outputOffset = offset;
        stride = w.rows();
        // some chunks a thread, so that a thread that was held up hands work on; not so small that streams of weights are short
        int blocks = w.blocks();
        blocksInChunk = Math.clamp(blocks / (pool.threads() * 4L), 1, a.rows() == 1 ? 64 : 8);
        pool.run(task, (blocks + blocksInChunk - 1) / blocksInChunk);
        weights = null;
        activations = null;
        output = null;
    }

    private void chunk(int chunk) {
        PackedWeights w = weights;
        Activations a = activations;
        int first = chunk * blocksInChunk;
        int end = Math.min(w.blocks(), first + blocksInChunk);
        // the weights of a chunk stay in the cache while the rows of A go by
        for (int tile = 0; tile < a.tiles(); tile++) {
            for (int block = first; block < end; block++) {
                int at = outputOffset + 8 * tile * stride + block * Lanes.COUNT;
                int lanes = w.rows() - block * Lanes.COUNT;
                if (lanes >= Lanes.COUNT) {
                    multiply(w, block, a, tile, output, at, stride);
                    continue;
                }
                multiply(w, block, a, tile, whole, 0, Lanes.COUNT);
                for (int row = 0; row < Math.min(8, a.rows() - 8 * tile); row++) {
                    System.arraycopy(whole, row * Lanes.COUNT, output, at + row * stride, lanes);
                }
            }
        }
    }

    private static void multiply(PackedWeights w, int block, Activations a, int tile, float[] c, int at, int stride) {
        if (Warmth.isWarm(w, a.tileRows(tile))) {
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
