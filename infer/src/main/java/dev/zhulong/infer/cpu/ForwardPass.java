package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.infer.cpu.CpuAdapter.Group;
import dev.zhulong.kernels.DecoderOps;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.kernels.PackedWeights;
import dev.zhulong.kernels.Rotary;
import dev.zhulong.kernels.ThreadPool;
import java.util.Arrays;

/**
 * Rows of any sequences on their way through the blocks of a decoder, and what they pass through, made for so many rows. Running a block allocates
 * nothing: what a region of work needs stands in fields, and its tasks are made once.
 */
final class ForwardPass implements AutoCloseable {
    /** Below so many rows, what is done row by row is not worth waking threads for. */
    private static final int PARALLEL_ROWS = 4;

    private final int hidden;
    private final int queryHeads;
    private final int kvHeads;
    private final int headDim;
    private final DecoderSpec.Activation activation;
    private final int width;
    private final int kvWidth;
    private final int maxRows;
    private final PagePool pages;
    private final Rotary rotary;
    private final Attention attention;
    private final Products products;
    private final ThreadPool pool;

    /** Each row's sequence, and its position there. */
    final PagedCache[] caches;
    final int[] positions;
    /** The residual stream [rows, hidden]. */
    final float[] x;
    private final float[] normed;
    private final float[] attended;
    /** Queries, keys and values. */
    private final float[][] qkv;
    /** Gate and up, or up alone. */
    private final float[][] mlp;
    private final float[][] delta;

    private final CpuExperts.Run expertRun = this::expert;
    private final ThreadPool.Task firstNormTask = this::firstNorm;
    private final ThreadPool.Task residualTask = this::residual;
    private final ThreadPool.Task headsTask = this::heads;
    private final ThreadPool.Task activationTask = this::activation;
    private final ThreadPool.Task addTask = this::add;
    private final ThreadPool.Task adapterTask = this::adapt;

    private int rows;
    /** Width of the MLP that runs. */
    private int inner;
    private final CpuExperts.Rows expertRows;
    private CpuLayer layer;
    private KvPages layerPages;
    private Norm nextNorm;
    private Calibration calibration;
    /** What adapters add to next. */
    private int layerNumber;
    private boolean adapted;
    private Group group;
    private float[] groupIn;
    private float[][] groupOut;

    /** @param rotary null where positions are learned */
    ForwardPass(DecoderSpec spec, int maxRows, PagePool pages, Rotary rotary, ThreadPool pool) {
        this.maxRows = maxRows;
        this.pages = pages;
        this.rotary = rotary;
        this.pool = pool;
        attention = new Attention(spec, pool);
        hidden = spec.hiddenSize();
        queryHeads = spec.heads();
        kvHeads = spec.kvHeads();
        headDim = spec.headDim();
        activation = spec.activation();
        int widest = spec.stack().layers().stream().mapToInt(each -> each.mlp().widest()).max().orElseThrow();
        width = queryHeads * headDim;
        kvWidth = kvHeads * headDim;
        caches = new PagedCache[maxRows];
        positions = new int[maxRows];
        x = new float[maxRows * hidden];
        normed = new float[maxRows * hidden];
        attended = new float[maxRows * width];
        qkv = new float[][] {new float[maxRows * width], new float[maxRows * kvWidth], new float[maxRows * kvWidth]};
        mlp = new float[spec.gatedMlp() ? 2 : 1][maxRows * widest];
        delta = new float[1][maxRows * hidden];
        products = new Products(maxRows, Math.max(Math.max(hidden, width), widest), pool);
        expertRows = spec.stack().experts().map(mixture -> new CpuExperts.Rows(mixture, maxRows, hidden)).orElse(null);
    }

    int maxRows() {
        return maxRows;
    }

    /** Runs the first {@code count} rows, whose sequences have pages for them, through all of {@code layers}. */
    void run(CpuLayer[] layers, int count) {
        rows = count;
        adapted = false;
        for (int row = 0; row < rows; row++) {
            adapted |= caches[row].adapter() != null;
        }
        nextNorm = layers[0].inputNorm();
        eachRow(firstNormTask);
        for (int l = 0; l < layers.length; l++) {
            layer = layers[l];
            layerNumber = l;
            layerPages = pages.layer(l);
            watched(layer.qkv(), normed);
            layer.qkv().apply(products, normed, rows, qkv);
            adapt(Group.QKV, normed, qkv);
            eachRow(headsTask);
            attention.apply(l, layerPages, rows, caches, positions, qkv[0], attended);
            watched(layer.out(), attended);
            layer.out().apply(products, attended, rows, delta);
            adapt(Group.OUT, attended, delta);
            nextNorm = layer.postNorm();
            eachRow(residualTask);
            switch (layer.mlp()) {
                case CpuMlp.Dense dense -> dense(dense);
                case CpuExperts experts -> experts(experts);
            }
            if (l + 1 < layers.length) {
                nextNorm = layers[l + 1].inputNorm();
                eachRow(residualTask);
            } else {
                eachRow(addTask);
            }
        }
    }

    private void dense(CpuMlp.Dense dense) {
        watched(dense.in(), normed);
        dense.in().apply(products, normed, rows, mlp);
        adapt(Group.IN, normed, mlp);
        inner = dense.width();
        eachRow(activationTask);
        watched(dense.down(), mlp[0]);
        dense.down().apply(products, mlp[0], rows, delta);
        adapt(Group.DOWN, mlp[0], delta);
    }

    private void experts(CpuExperts experts) {
        if (experts.shared() == null) {
            Arrays.fill(delta[0], 0, rows * hidden, 0);
        } else {
            dense(experts.shared());
            experts.scaleShared(normed, rows, delta[0]);
        }
        experts.run(products, expertRows, normed, rows, delta[0], expertRun);
    }

    /** Some rows through one expert. */
    private void expert(CpuMlp.Dense expert, float[] in, int count, float[][] out) {
        expert.in().apply(products, in, count, mlp);
        inner = expert.width();
        eachRow(activationTask, count);
        expert.down().apply(products, mlp[0], count, out);
    }

    /** Logits of {@code n} rows of {@code x}, given by number, to {@code to[at …]}. */
    void head(Norm norm, PackedWeights head, int[] of, int n, float[] to, int at) {
        for (int i = 0; i < n; i++) {
            norm.apply(x, of[i] * hidden, normed, i * hidden);
        }
        products.activations().set(normed, 0, n, hidden);
        products.matMul().multiply(products.activations(), head, to, at);
    }

    /** {@code n} rows of {@code x}, given by number and normed, to {@code to[at …]}. */
    void norm(Norm norm, int[] of, int n, float[] to, int at) {
        for (int i = 0; i < n; i++) {
            norm.apply(x, of[i] * hidden, to, at + i * hidden);
        }
    }

    /** Tells what the inputs of every projection are, from now on. */
    void watch(Calibration calibration) {
        this.calibration = calibration;
    }

    @Override
    public void close() {
        products.close();
    }

    /** Adds what the rows' adapters make of {@code in}. */
    private void adapt(Group to, float[] in, float[][] out) {
        if (adapted) {
            group = to;
            groupIn = in;
            groupOut = out;
            eachRow(adapterTask);
        }
    }

    private void adapt(int row) {
        CpuAdapter adapter = caches[row].adapter();
        if (adapter != null) {
            adapter.add(layerNumber, group, groupIn, row, groupOut);
        }
    }

    private void eachRow(ThreadPool.Task task) {
        eachRow(task, rows);
    }

    private void eachRow(ThreadPool.Task task, int count) {
        if (count < PARALLEL_ROWS) {
            for (int row = 0; row < count; row++) {
                task.run(row);
            }
        } else {
            pool.run(task, count);
        }
    }

    private void watched(Projection projection, float[] in) {
        if (calibration != null) {
            calibration.feed(projection, in, rows);
        }
    }

    private void firstNorm(int row) {
        nextNorm.apply(x, row * hidden, normed, row * hidden);
    }

    private void residual(int row) {
        add(row);
        nextNorm.apply(x, row * hidden, normed, row * hidden);
    }

    private void add(int row) {
        DecoderOps.add(x, row * hidden, delta[0], row * hidden, hidden);
    }

    /** Norms of heads, rotation, and the row's keys and values to its sequence's pages. */
    private void heads(int row) {
        heads(qkv[0], row * width, queryHeads, layer.qNorm(), positions[row]);
        heads(qkv[1], row * kvWidth, kvHeads, layer.kNorm(), positions[row]);
        layerPages.put(caches[row].page(positions[row]), positions[row] % KvPages.PAGE, qkv[1], row * kvWidth, qkv[2], row * kvWidth);
    }

    private void heads(float[] values, int at, int heads, Norm norm, int position) {
        if (norm != null) {
            for (int head = 0; head < heads; head++) {
                norm.apply(values, at + head * headDim, values, at + head * headDim);
            }
        }
        if (rotary != null) {
            rotary.turn(values, at, heads, headDim, position);
        }
    }

    private void activation(int row) {
        float[] gate = mlp[0];
        if (mlp.length == 2) {
            ActivationFunction.gated(activation, gate, mlp[1], row * inner, inner);
        } else {
            ActivationFunction.apply(activation, gate, row * inner, inner);
        }
    }
}
