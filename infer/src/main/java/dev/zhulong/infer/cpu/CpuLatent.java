package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Latent;
import dev.zhulong.kernels.Activations;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.kernels.PackedWeights;
import dev.zhulong.kernels.Rotary;
import dev.zhulong.kernels.ThreadPool;
import java.util.Arrays;
import java.util.function.BiConsumer;
import java.util.stream.Stream;

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
     * @param keys      of each head, what takes a query's still dimensions to the row: [rank, still dimensions], the matrix up turned over
     * @param values    of each head, what makes values of the row: [value dimensions, rank]
     */
    record Weights(Norm queryNorm, Projection queryUp, Norm rowNorm, PackedWeights[][] keys, PackedWeights[][] values) {
        long bytes() {
            return (queryUp == null ? 0 : queryUp.bytes())
                    + Stream.of(keys, values).flatMap(Arrays::stream).flatMap(Arrays::stream).mapToLong(PackedWeights::bytes).sum();
        }

        void close() {
            if (queryUp != null) {
                queryUp.close();
            }
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
    /** A row for each head: the heads are groups, whose products are one region of work. */
    private final Activations activations;
    private final int[] place;
    private final int[] begin;
    /** By head and row, what the products give: queries as wide as the kept row is but for what turns, and values. */
    private final float[][] taken;
    private final float[][] made;
    private final ThreadPool.Task queryTask = this::query;
    private final ThreadPool.Task valueTask = this::value;

    private Weights weights;
    private int number;
    private int rows;
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
        int each = Math.multiplyExact(maxRows, heads);
        activations = new Activations(8 * (each / 8 + heads), Math.max(still, rank));
        place = new int[each];
        begin = new int[heads + 1];
        taken = new float[1][Math.multiplyExact(each, rank)];
        made = new float[1][Math.multiplyExact(each, valueDim)];
    }

    /** From rows of {@code in} [rows, hidden] to what the output projection reads [rows, heads · value dimensions]. @param watch told of the inputs of projections */
    void run(int number, CpuLayer layer, Products products, float[] in, int rows, PagedCache[] caches, int[] positions, KvPages pages, Rotaries rotaries, float[] out,
            BiConsumer<Projection, float[]> watch) {
        this.weights = layer.latent();
        this.number = number;
        this.rows = rows;
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
        for (int head = 0; head < heads; head++) {
            begin[head] = head * rows;
            for (int row = 0; row < rows; row++) {
                place[head * rows + row] = row * heads + head;
            }
        }
        begin[heads] = heads * rows;
        activations.setGroups(queries[0], headDim, still, place, begin, heads);
        products.matMul().multiplyGroups(activations, weights.keys, taken);
        pool.run(queryTask, rows);
        attention.apply(number, layer.sinks(), pages, rows, caches, positions, absorbed, attended);
        activations.setGroups(attended, kept, rank, place, begin, heads);
        products.matMul().multiplyGroups(activations, weights.values, made);
        pool.run(valueTask, rows);
    }

    /** A row's queries as ones that look at the rows that are kept. */
    private void query(int row) {
        for (int head = 0; head < heads; head++) {
            int to = (row * heads + head) * kept;
            System.arraycopy(taken[0], (head * rows + row) * rank, absorbed, to, rank);
            System.arraycopy(queries[0], (row * heads + head) * headDim + still, absorbed, to + rank, rotaryDim);
            turn(absorbed, to + rank, row);
        }
    }

    private void turn(float[] x, int at, int row) {
        Rotary rotary = rotaries.of(number, caches[row]);
        if (rotary != null) {
            rotary.turn(x, at, 1, rotaryDim, positions[row]);
        }
    }

    private void value(int row) {
        for (int head = 0; head < heads; head++) {
            System.arraycopy(made[0], (head * rows + row) * valueDim, out, (row * heads + head) * valueDim, valueDim);
        }
    }
}
