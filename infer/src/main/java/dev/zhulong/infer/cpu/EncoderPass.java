package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.kernels.DecoderOps;
import dev.zhulong.kernels.FullAttention;
import dev.zhulong.kernels.MatMul;
import dev.zhulong.kernels.ThreadPool;

/** Whole sequences on their way through the layers of an encoder, one after the other in one stream of rows, and the room for so many rows. */
final class EncoderPass implements AutoCloseable {
    /** Places of keys that sequences are gathered up to; a longer one runs alone. */
    static final int ROWS = 512;

    /**
     * A sequence of the pass.
     *
     * @param from    its first row
     * @param places  before its own in the keys as they are laid out
     * @param seen    of each of its positions, whether it is seen; null for all
     * @param globals of each, whether it sees all and is seen by all; null in a network that has none
     */
    record Sequence(int from, int length, int places, boolean[] seen, boolean[] globals) {}

    private final boolean before;
    private final ThreadPool pool;
    private final Products products;
    private final int maxRows;
    private final int hidden;
    private final Activation activation;
    /** The stream [rows, hidden]. */
    final float[] x;
    /** The stream normed, where norms stand before; null elsewhere. */
    private final float[] normed;
    final float[][] qkv;
    final float[] attended;
    private final float[][] delta;
    /** Gate and up, or up alone. */
    private final float[][] inner;
    /** Keys of the sequences, one after the other, a head's after the other's, as {@link FullAttention} reads them. */
    final float[] keys;
    private final ThreadLocal<float[]> scores = ThreadLocal.withInitial(() -> new float[0]);

    private Norm norm;
    private int innerWidth;
    private final ThreadPool.Task gateTask = this::gate;
    private final MatMul.Finish finish = this::activate;
    private final ThreadPool.Task residualTask = this::residual;
    private final ThreadPool.Task addTask = this::add;
    private final ThreadPool.Task normTask = this::norm;

    EncoderPass(Stack stack, int maxRows, ThreadPool pool) {
        this.maxRows = maxRows;
        this.pool = pool;
        before = stack.place() == NormPlace.BEFORE;
        hidden = stack.hiddenSize();
        Mlp mlp = stack.layers().getFirst().mlp();
        activation = mlp.activation();
        int width = stack.layers().getFirst().attention().width();
        x = new float[maxRows * hidden];
        normed = before ? new float[maxRows * hidden] : null;
        qkv = new float[3][maxRows * width];
        attended = new float[maxRows * width];
        delta = new float[1][maxRows * hidden];
        inner = new float[mlp.gated() ? 2 : 1][maxRows * mlp.width()];
        keys = new float[Math.multiplyExact(width, maxRows)];
        products = new Products(maxRows, Math.max(Math.max(hidden, width), mlp.width()), pool);
    }

    /** Bytes of a pass over as many rows as are gathered, or over the longest sequence. @param outputs of a row, besides its state */
    static long bytes(Stack stack, int outputs) {
        long rows = Math.max(ROWS, FullAttention.places(stack.contextLength()));
        Mlp mlp = stack.layers().getFirst().mlp();
        int hidden = stack.hiddenSize();
        // the stream, queries, keys and their layout, values, what was attended, the difference; the MLP; what products read; what is returned
        long row = (stack.place() == NormPlace.BEFORE ? 8L : 7L) * hidden + (mlp.gated() ? 2L : 1L) * mlp.width() + Math.max(hidden, mlp.width()) + hidden + outputs;
        return Float.BYTES * rows * row;
    }

    /** Rows, and places of keys, that there is room for. */
    int maxRows() {
        return maxRows;
    }

    Products products() {
        return products;
    }

    ThreadPool pool() {
        return pool;
    }

    /** Room of this thread for scores of a task's queries over {@code n} keys. */
    float[] scores(int n) {
        int room = FullAttention.room(EncoderAttention.QUERIES, n);
        float[] own = scores.get();
        if (own.length < room) {
            own = new float[room];
            scores.set(own);
        }
        return own;
    }

    /** Runs the rows of these sequences, which stand in {@code x}, through all layers. */
    void run(CpuLayer[] layers, EncoderAttention[] attentions, Sequence[] sequences, int rows) {
        for (int l = 0; l < layers.length; l++) {
            CpuLayer layer = layers[l];
            float[] in = in(layer.inputNorm(), rows);
            layer.qkv().apply(products, in, rows, qkv);
            attentions[l].apply(this, in, sequences);
            layer.out().apply(products, attended, rows, delta);
            add(layer.inputNorm(), rows);
            in = in(layer.postNorm(), rows);
            var mlp = (CpuMlp.Dense) layer.mlp();
            innerWidth = mlp.width();
            if (inner.length == 2) {
                mlp.in().apply(products, in, rows, inner);
                pool.runShort(gateTask, rows);
            } else {
                mlp.in().apply(products, in, rows, inner, innerWidth, finish);
            }
            mlp.down().apply(products, inner[0], rows, delta);
            add(layer.postNorm(), rows);
        }
    }

    /** What a layer's half reads: the stream, or the stream normed where norms stand before and there is one. */
    private float[] in(Norm its, int rows) {
        if (!before || its == null) {
            return x;
        }
        norm = its;
        pool.runShort(normTask, rows);
        return normed;
    }

    private void add(Norm its, int rows) {
        norm = its;
        pool.runShort(before ? addTask : residualTask, rows);
    }

    private void gate(int row) {
        ActivationFunction.gated(activation, inner[0], inner[1], row * innerWidth, innerWidth);
    }

    private void activate(float[] values, int at, int rows, int stride, int n) {
        ActivationFunction.apply(activation, values, at, rows, stride, n);
    }

    private void norm(int row) {
        norm.apply(x, row * hidden, normed, row * hidden);
    }

    private void add(int row) {
        DecoderOps.add(x, row * hidden, delta[0], row * hidden, hidden);
    }

    /** The sum, normed. */
    private void residual(int row) {
        add(row);
        norm.apply(x, row * hidden, x, row * hidden);
    }

    @Override
    public void close() {
        products.close();
    }
}
