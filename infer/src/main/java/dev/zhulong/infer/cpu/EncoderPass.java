package dev.zhulong.infer.cpu;

import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.kernels.DecoderOps;
import dev.zhulong.kernels.FullAttention;
import dev.zhulong.kernels.ThreadPool;
import java.util.ArrayList;

/** Whole sequences on their way through the layers of an encoder, one after the other in one stream of rows, and the room for so many rows. */
final class EncoderPass implements AutoCloseable {
    /** Places of keys that sequences are gathered up to; a longer one runs alone. */
    static final int ROWS = 512;
    /** Queries of a head that a thread is given at a time. */
    private static final int QUERIES = 8 * FullAttention.TILE;

    /**
     * A sequence of the pass.
     *
     * @param from   its first row
     * @param places before its own in the keys as they are laid out
     * @param seen   of each of its positions, whether it is seen; null for all
     */
    record Sequence(int from, int length, int places, boolean[] seen) {}

    /** A head's queries of a sequence, from one on. */
    private record Task(Sequence sequence, int head, int query) {}

    private final EncoderSpec spec;
    private final ThreadPool pool;
    private final Products products;
    private final int maxRows;
    private final int hidden;
    private final int heads;
    private final int headDim;
    /** The stream [rows, hidden]. */
    final float[] x;
    private final float[][] qkv;
    private final float[] attended;
    private final float[][] delta;
    private final float[][] inner;
    /** Keys of the sequences, one after the other, a head's after the other's, as {@link FullAttention} reads them. */
    private final float[] keys;
    private final ThreadLocal<float[]> scores = ThreadLocal.withInitial(() -> new float[0]);

    private CpuLayer layer;
    private Norm norm;
    private Task[] tasks;
    private final ThreadPool.Task layOutTask = this::layOut;
    private final ThreadPool.Task attendTask = this::attend;
    private final ThreadPool.Task activationTask = this::activation;
    private final ThreadPool.Task residualTask = this::residual;
    private Sequence[] sequences;

    EncoderPass(EncoderSpec spec, int maxRows, ThreadPool pool) {
        this.spec = spec;
        this.maxRows = maxRows;
        this.pool = pool;
        Attention attention = spec.layer(0).attention();
        hidden = spec.hiddenSize();
        heads = attention.heads();
        headDim = attention.headDim();
        int width = spec.layer(0).mlp().width();
        x = new float[maxRows * hidden];
        qkv = new float[3][maxRows * hidden];
        attended = new float[maxRows * hidden];
        delta = new float[1][maxRows * hidden];
        inner = new float[1][maxRows * width];
        keys = new float[Math.multiplyExact(hidden, maxRows)];
        products = new Products(maxRows, Math.max(hidden, width), pool);
    }

    /** Bytes of a pass over as many rows as are gathered, or over the longest sequence. */
    static long bytes(EncoderSpec spec) {
        long rows = Math.max(ROWS, FullAttention.places(spec.contextLength()));
        // the stream, queries, keys and their layout, values, what was attended, the difference; the MLP; what products read; what is returned
        long row = 7L * spec.hiddenSize() + 2L * Math.max(spec.hiddenSize(), spec.layer(0).mlp().width()) + spec.hiddenSize() + spec.outputs();
        return Float.BYTES * rows * row;
    }

    /** Rows, and places of keys, that there is room for. */
    int maxRows() {
        return maxRows;
    }

    Products products() {
        return products;
    }

    /** Runs the rows of these sequences, which stand in {@code x}, through all layers. */
    void run(CpuLayer[] layers, Sequence[] all, int rows) {
        sequences = all;
        tasks = tasks(all);
        for (CpuLayer each : layers) {
            layer = each;
            layer.qkv().apply(products, x, rows, qkv);
            pool.run(layOutTask, sequences.length * heads);
            pool.run(attendTask, tasks.length);
            layer.out().apply(products, attended, rows, delta);
            norm = layer.inputNorm();
            pool.run(residualTask, rows);
            var mlp = (CpuMlp.Dense) layer.mlp();
            mlp.in().apply(products, x, rows, inner);
            pool.run(activationTask, rows);
            mlp.down().apply(products, inner[0], rows, delta);
            norm = layer.postNorm();
            pool.run(residualTask, rows);
        }
    }

    private Task[] tasks(Sequence[] all) {
        var list = new ArrayList<Task>();
        for (Sequence sequence : all) {
            for (int head = 0; head < heads; head++) {
                for (int query = 0; query < sequence.length; query += QUERIES) {
                    list.add(new Task(sequence, head, query));
                }
            }
        }
        return list.toArray(Task[]::new);
    }

    private int keysOf(Sequence sequence, int head) {
        return sequence.places * hidden + head * headDim * FullAttention.places(sequence.length);
    }

    private void layOut(int number) {
        Sequence sequence = sequences[number / heads];
        int head = number % heads;
        FullAttention.layOut(qkv[1], sequence.from * hidden + head * headDim, hidden, sequence.length, headDim, keys, keysOf(sequence, head));
    }

    private void attend(int number) {
        Task task = tasks[number];
        Sequence sequence = task.sequence;
        int room = FullAttention.TILE * FullAttention.places(sequence.length);
        float[] own = scores.get();
        if (own.length < room) {
            own = new float[room];
            scores.set(own);
        }
        int end = Math.min(sequence.length, task.query + QUERIES);
        for (int query = task.query; query < end; query += FullAttention.TILE) {
            int at = (sequence.from + query) * hidden + task.head * headDim;
            FullAttention.attend(qkv[0], at, hidden, Math.min(FullAttention.TILE, end - query), keys, keysOf(sequence, task.head), qkv[2],
                    sequence.from * hidden + task.head * headDim, sequence.seen, sequence.length, headDim, (float) (1 / Math.sqrt(headDim)), own, attended, at);
        }
    }

    private void activation(int row) {
        int width = spec.layer(0).mlp().width();
        ActivationFunction.apply(spec.activation(), inner[0], row * width, width);
    }

    /** The sum, normed. */
    private void residual(int row) {
        DecoderOps.add(x, row * hidden, delta[0], row * hidden, hidden);
        norm.apply(x, row * hidden, x, row * hidden);
    }

    @Override
    public void close() {
        products.close();
    }
}
