package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Latent;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.kernels.Rotary;
import dev.zhulong.kernels.ThreadPool;
import java.util.Arrays;
import java.util.function.BiConsumer;

/**
 * Attention whose keys and values are made from one narrow row of a token (DeepSeek-AI 2024). That row and the keys' turning part are all that is kept:
 * what makes keys of it is taken into the queries, what makes values of it into the result, so that all heads look at the same pages.
 */
final class CpuLatent {
    /**
     * The weights of a layer besides its first projection, which gives a narrow row (or the queries), and the row that is kept.
     *
     * @param queryNorm of the narrow row that queries are made from; null where they are made at once
     * @param queryUp   from that row to the queries; null as well
     * @param rowNorm   of the row that keys and values are made from
     * @param keys      [heads, still dimensions, rank]
     * @param values    [heads, value dimensions, rank]
     */
    record Weights(Norm queryNorm, Projection queryUp, Norm rowNorm, float[] keys, float[] values) {
        long bytes() {
            return (queryUp == null ? 0 : queryUp.bytes()) + (long) Float.BYTES * (keys.length + values.length);
        }

        void close() {
            if (queryUp != null) {
                queryUp.close();
            }
        }

        /** Of the rows of the matrix up [heads · (still + value dimensions), rank]. */
        static Weights of(Stack.Attention shape, Norm queryNorm, Projection queryUp, Norm rowNorm, float[] up) {
            Latent latent = shape.latent();
            int still = shape.headDim() - latent.rotaryDim();
            float[] keys = new float[shape.heads() * still * latent.rank()];
            float[] values = new float[shape.heads() * latent.valueDim() * latent.rank()];
            for (int head = 0; head < shape.heads(); head++) {
                int from = head * (still + latent.valueDim()) * latent.rank();
                System.arraycopy(up, from, keys, head * still * latent.rank(), still * latent.rank());
                System.arraycopy(up, from + still * latent.rank(), values, head * latent.valueDim() * latent.rank(), latent.valueDim() * latent.rank());
            }
            return new Weights(queryNorm, queryUp, rowNorm, keys, values);
        }
    }

    private final int heads;
    private final int headDim;
    private final int still;
    private final int rank;
    private final int rotaryDim;
    private final int valueDim;
    private final int queryRank;
    /** Of what is kept. */
    private final int kept;
    private final ThreadPool pool;
    private final Attention attention;
    /** What the first projection gives: a narrow row or the queries, and the row that is kept. */
    private final float[][] first;
    private final float[][] queries;
    private final float[] absorbed;
    private final float[] attended;
    private final ThreadPool.Task absorbTask = this::absorb;
    private final ThreadPool.Task valuesTask = this::values;

    private Weights weights;
    private int number;
    private Rotaries rotaries;
    private PagedCache[] caches;
    private int[] positions;
    private float[] out;

    CpuLatent(DecoderSpec spec, int maxRows, Attention attention, ThreadPool pool) {
        Stack.Attention shape = spec.layer(0).attention();
        Latent latent = shape.latent();
        heads = shape.heads();
        headDim = shape.headDim();
        rank = latent.rank();
        rotaryDim = latent.rotaryDim();
        still = headDim - rotaryDim;
        valueDim = latent.valueDim();
        queryRank = latent.queryRank();
        kept = rank + rotaryDim;
        this.attention = attention;
        this.pool = pool;
        queries = new float[][] {new float[maxRows * heads * headDim]};
        first = new float[][] {queryRank == 0 ? queries[0] : new float[maxRows * queryRank], new float[maxRows * kept]};
        absorbed = new float[maxRows * heads * kept];
        attended = new float[maxRows * heads * kept];
    }

    /** From rows of {@code in} [rows, hidden] to what the output projection reads [rows, heads · value dimensions]. @param watch told of the inputs of projections */
    void run(int number, CpuLayer layer, Products products, float[] in, int rows, PagedCache[] caches, int[] positions, KvPages pages, Rotaries rotaries, float[] out,
            BiConsumer<Projection, float[]> watch) {
        this.weights = layer.latent();
        this.number = number;
        this.rotaries = rotaries;
        this.caches = caches;
        this.positions = positions;
        this.out = out;
        watch.accept(layer.qkv(), in);
        layer.qkv().apply(products, in, rows, first);
        if (weights.queryUp != null) {
            for (int row = 0; row < rows; row++) {
                weights.queryNorm.apply(first[0], row * queryRank, first[0], row * queryRank);
            }
            watch.accept(weights.queryUp, first[0]);
            weights.queryUp.apply(products, first[0], rows, queries);
        }
        for (int row = 0; row < rows; row++) {
            int at = row * kept;
            weights.rowNorm.apply(first[1], at, first[1], at);
            turn(first[1], at + rank, row);
            pages.put(caches[row].page(positions[row]), positions[row] % KvPages.PAGE, first[1], at, first[1], at);
        }
        pool.run(absorbTask, rows * heads);
        attention.apply(number, layer.sinks(), pages, rows, caches, positions, absorbed, attended);
        pool.run(valuesTask, rows * heads);
    }

    /** A head's query as one that looks at the rows that are kept. */
    private void absorb(int task) {
        int head = task % heads;
        int from = task * headDim;
        int to = task * kept;
        Arrays.fill(absorbed, to, to + rank, 0);
        for (int i = 0; i < still; i++) {
            float q = queries[0][from + i];
            int key = (head * still + i) * rank;
            for (int r = 0; r < rank; r++) {
                absorbed[to + r] += q * weights.keys[key + r];
            }
        }
        System.arraycopy(queries[0], from + still, absorbed, to + rank, rotaryDim);
        turn(absorbed, to + rank, task / heads);
    }

    private void turn(float[] x, int at, int row) {
        Rotary rotary = rotaries.of(number, caches[row]);
        if (rotary != null) {
            rotary.turn(x, at, 1, rotaryDim, positions[row]);
        }
    }

    /** A head's values from the mean of the rows that it looked at. */
    private void values(int task) {
        int head = task % heads;
        int from = task * kept;
        for (int v = 0; v < valueDim; v++) {
            int value = (head * valueDim + v) * rank;
            float a = 0;
            float b = 0;
            float c = 0;
            float d = 0;
            int r = 0;
            for (; r + 3 < rank; r += 4) {
                a += weights.values[value + r] * attended[from + r];
                b += weights.values[value + r + 1] * attended[from + r + 1];
                c += weights.values[value + r + 2] * attended[from + r + 2];
                d += weights.values[value + r + 3] * attended[from + r + 3];
            }
            for (; r < rank; r++) {
                a += weights.values[value + r] * attended[from + r];
            }
            out[task * valueDim + v] = a + b + (c + d);
        }
    }
}
