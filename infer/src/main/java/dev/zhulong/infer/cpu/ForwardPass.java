package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.HeadNorm;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.infer.cpu.CpuAdapter.Group;
import dev.zhulong.kernels.DecoderOps;
import dev.zhulong.kernels.KeyStatistics;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.kernels.Rotary;
import dev.zhulong.kernels.ThreadPool;
import java.util.Arrays;
import java.util.List;

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
    private final List<Stack.Layer> layers;
    private final NormPlace place;
    private final float residualScale;
    /** Of each layer; null where nothing turns. */
    private final Rotaries rotaries;
    private final Attention attention;
    /** Null where queries, keys and values are projected from the stream. */
    private final CpuLatent latent;
    private final Products products;
    /** Null where no layer is a mixture. */
    private final ExpertPass expertPass;
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
    /** The queries alone, for attention to a source. */
    private final float[][] crossQueries = new float[1][];
    /** Gate and up, or up alone. */
    private final float[][] mlp;
    private final float[][] delta;

    private final ThreadPool.Task firstNormTask = this::firstNorm;
    private final ThreadPool.Task residualTask = this::residual;
    private final ThreadPool.Task headsTask = this::heads;
    private final ThreadPool.Task statisticsTask = this::statistics;
    private final ThreadPool.Task activationTask = this::activation;
    private final ThreadPool.Task adapterTask = this::adapt;

    private int rows;
    /** Width of the MLP that runs. */
    private int inner;
    private CpuLayer layer;
    private KvPages layerPages;
    /** Of what is added to the stream; of the stream before that, for what runs beside; of the stream after it. Each may be null. */
    private Norm resultNorm;
    private Norm besideNorm;
    private Norm nextNorm;
    /** Where the last of them puts its rows. */
    private float[] nextRows;
    private Calibration calibration;
    /** Of each layer, told of queries and keys; null for nobody. */
    private KeyStatistics[] keyStatistics;
    /** What adapters add to next. */
    private int layerNumber;
    private boolean adapted;
    private Group group;
    private float[] groupIn;
    private float[][] groupOut;

    ForwardPass(DecoderSpec spec, int maxRows, PagePool pages, Rotaries rotaries, RangeBias bias, ThreadPool pool) {
        this.maxRows = maxRows;
        this.pages = pages;
        this.rotaries = rotaries;
        this.pool = pool;
        attention = new Attention(spec, bias, pool);
        boolean narrow = spec.layer(0).attention().latent() != null;
        latent = narrow ? new CpuLatent(spec, maxRows, attention, pool) : null;
        layers = spec.stack().layers();
        place = spec.stack().place();
        residualScale = (float) spec.stack().scales().residual();
        hidden = spec.hiddenSize();
        queryHeads = spec.heads();
        kvHeads = spec.kvHeads();
        headDim = spec.headDim();
        activation = spec.activation();
        int widest = spec.stack().layers().stream().mapToInt(each -> each.mlp().commonWidth()).max().orElseThrow();
        width = queryHeads * headDim;
        kvWidth = kvHeads * headDim;
        caches = new PagedCache[maxRows];
        positions = new int[maxRows];
        x = new float[maxRows * hidden];
        normed = new float[maxRows * hidden];
        int valueWidth = queryHeads * spec.layer(0).attention().valueDim();
        attended = new float[maxRows * valueWidth];
        qkv = narrow ? new float[0][] : new float[][] {new float[maxRows * width], new float[maxRows * kvWidth], new float[maxRows * kvWidth]};
        mlp = new float[spec.gatedMlp() ? 2 : 1][maxRows * widest];
        delta = new float[1][maxRows * hidden];
        products = new Products(maxRows, Math.max(Math.max(hidden, narrow ? Math.max(valueWidth, spec.layer(0).attention().latent().queryRank()) : width), widest), pool);
        expertPass = spec.stack().experts().map(mixture -> new ExpertPass(mixture, maxRows, hidden, pool)).orElse(null);
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
        float[] in = x;
        if (place != NormPlace.AFTER && layers[0].inputNorm() != null) {
            nextNorm = layers[0].inputNorm();
            eachRow(firstNormTask);
            in = normed;
        }
        for (int l = 0; l < layers.length; l++) {
            layer = layers[l];
            layerNumber = l;
            layerPages = pages.layer(l);
            if (latent != null) {
                latent.run(l, layer, products, in, rows, caches, positions, layerPages, rotaries, attended, this::watched);
            } else {
                watched(layer.qkv(), in);
                layer.qkv().apply(products, in, rows, qkv);
                adapt(Group.QKV, in, qkv);
                eachRow(headsTask);
                if (keyStatistics != null) {
                    pool.run(statisticsTask, kvHeads);
                }
                attention.apply(l, layer.sinks(), layerPages, rows, caches, positions, qkv[0], attended);
            }
            watched(layer.out(), attended);
            layer.out().apply(products, attended, rows, delta);
            adapt(Group.OUT, attended, delta);
            if (layer.cross() != null) {
                across(layer.cross(), l);
            }
            in = switch (place) {
                case BEFORE, AROUND, RESULT -> residual(layer.outNorm(), null, layer.postNorm());
                case AFTER -> residual(null, null, layer.cross() == null ? layer.inputNorm() : layer.cross().norm(), x);
                case PARALLEL -> {
                    residual(layer.outNorm(), layer.postNorm(), null);
                    yield layer.postNorm() == null ? in : normed;
                }
            };
            switch (layer.mlp()) {
                case CpuMlp.Dense dense -> dense(dense, in);
                case CpuExperts experts -> experts(experts, in);
            }
            Norm following = l + 1 < layers.length ? layers[l + 1].inputNorm() : null;
            in = place == NormPlace.AFTER ? residual(null, null, layer.postNorm(), x) : residual(layer.resultNorm(), null, following);
        }
    }

    /** Adds what was computed to the stream, and computes what the attention to the sources gives. */
    private void across(CpuCross cross, int l) {
        float[] in = place == NormPlace.AFTER ? residual(null, null, layer.inputNorm(), x) : residual(layer.outNorm(), null, cross.norm());
        crossQueries[0] = qkv[0];
        cross.q().apply(products, in, rows, crossQueries);
        attention.across(l, layerPages, rows, caches, qkv[0], attended);
        cross.out().apply(products, attended, rows, delta);
    }

    /**
     * Adds what was computed to the stream.
     *
     * @param result norm of what is added; null for none, as with the others
     * @param beside norm of the stream before, for what runs beside
     * @param next   norm of the stream after
     * @return what the next projection reads
     */
    private float[] residual(Norm result, Norm beside, Norm next) {
        return residual(result, beside, next, next == null ? x : normed);
    }

    private float[] residual(Norm result, Norm beside, Norm next, float[] to) {
        resultNorm = result;
        besideNorm = beside;
        nextNorm = next;
        nextRows = to;
        eachRow(residualTask);
        return to;
    }

    private void dense(CpuMlp.Dense dense, float[] in) {
        watched(dense.in(), in);
        dense.in().apply(products, in, rows, mlp);
        adapt(Group.IN, in, mlp);
        inner = dense.width();
        eachRow(activationTask);
        watched(dense.down(), mlp[0]);
        dense.down().apply(products, mlp[0], rows, delta);
        adapt(Group.DOWN, mlp[0], delta);
    }

    private void experts(CpuExperts experts, float[] in) {
        if (experts.shared() == null) {
            Arrays.fill(delta[0], 0, rows * hidden, 0);
        } else {
            dense(experts.shared(), in);
            experts.scaleShared(in, rows, delta[0]);
        }
        expertPass.run(experts, products, in, rows, delta[0]);
    }

    /** Logits of {@code n} rows of {@code x}, given by number, to {@code to[at …]}. */
    void head(Head head, int[] of, int n, float[] to, int at) {
        norm(head.norm(), of, n, normed, 0);
        products.activations().set(normed, 0, n, hidden);
        products.matMul().multiply(products.activations(), head.matrix(), to, at);
        if (head.changes()) {
            eachRow(pool, row -> head.change(to, at + row * head.matrix().rows()), n);
        }
    }

    /** {@code n} rows of {@code x}, given by number and normed, to {@code to[at …]}. @param norm null for none */
    void norm(Norm norm, int[] of, int n, float[] to, int at) {
        for (int i = 0; i < n; i++) {
            if (norm == null) {
                System.arraycopy(x, of[i] * hidden, to, at + i * hidden, hidden);
            } else {
                norm.apply(x, of[i] * hidden, to, at + i * hidden);
            }
        }
    }

    /** Tells what the inputs of every projection are, from now on. */
    void watch(Calibration calibration) {
        this.calibration = calibration;
    }

    /** Tells what queries and keys of every layer are, from now on. */
    void watch(KeyStatistics[] statistics) {
        keyStatistics = statistics;
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
        eachRow(pool, task, rows);
    }

    /** On the threads of {@code pool}, unless {@code count} is not worth it. */
    static void eachRow(ThreadPool pool, ThreadPool.Task task, int count) {
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
        int at = row * hidden;
        if (resultNorm != null) {
            resultNorm.apply(delta[0], at, delta[0], at);
        }
        if (residualScale != 1) {
            DecoderOps.scale(delta[0], at, hidden, residualScale);
        }
        if (besideNorm != null) {
            besideNorm.apply(x, at, normed, at);
        }
        DecoderOps.add(x, at, delta[0], at, hidden);
        if (nextNorm != null) {
            nextNorm.apply(x, at, nextRows, at);
        }
    }

    /** Norms of heads, rotation, and the row's keys and values to its sequence's pages. */
    private void heads(int row) {
        Rotary rotary = rotaries.of(layerNumber, caches[row]);
        Stack.Attention shape = layers.get(layerNumber).attention();
        float clip = (float) shape.clip();
        boolean turnedFirst = shape.headNorm() == HeadNorm.TURNED_HEAD;
        heads(qkv[0], row * width, queryHeads, layer.qNorms(), turnedFirst, clip, rotary, positions[row]);
        heads(qkv[1], row * kvWidth, kvHeads, layer.kNorms(), turnedFirst, clip, rotary, positions[row]);
        if (clip > 0) {
            DecoderOps.clamp(qkv[2], row * kvWidth, kvWidth, clip);
        }
        layerPages.put(caches[row].page(positions[row]), positions[row] % KvPages.PAGE, qkv[1], row * kvWidth, qkv[2], row * kvWidth);
    }

    private void statistics(int kvHead) {
        int group = queryHeads / kvHeads;
        for (int row = 0; row < rows; row++) {
            keyStatistics[layerNumber].feed(kvHead, qkv[0], row * width + kvHead * group * headDim, group, qkv[1], row * kvWidth + kvHead * headDim);
        }
    }

    private void heads(float[] values, int at, int heads, Norm[] norms, boolean turnedFirst, float clip, Rotary rotary, int position) {
        if (!turnedFirst) {
            norm(norms, values, at);
        }
        if (clip > 0) {
            DecoderOps.clamp(values, at, heads * headDim, clip);
        }
        if (rotary != null) {
            rotary.turn(values, at, heads, headDim, position);
        }
        if (turnedFirst) {
            norm(norms, values, at);
        }
    }

    private static void norm(Norm[] norms, float[] values, int at) {
        int part = at;
        for (Norm norm : norms) {
            norm.apply(values, part, values, part);
            part += norm.weight().length;
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
