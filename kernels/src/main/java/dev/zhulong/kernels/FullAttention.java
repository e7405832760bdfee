package dev.zhulong.kernels;

import dev.zhulong.kernels.FloatMachineKernel.Rows;
import java.util.Arrays;
import java.util.Objects;
import jdk.incubator.vector.FloatVector;

/**
 * Attention in F32 in which queries see every key of their sequence, but for those that are masked: an encoder's.
 *
 * <p>Keys of a head are first laid out with positions along lanes ({@link #layOut}). Queries then go some at a time, so that memory grows
 * with the length of the sequence, not with its square. Sums go in the order of dimensions and of positions: a query's bits depend neither on the
 * queries beside it nor on the width of the machine's vectors.
 */
public final class FullAttention {
    /** Queries that share what is read. */
    public static final int TILE = 4;

    private static final Warmth WARMTH = new Warmth(FullAttention::exercise);
    private static final int EXERCISED = 4 * Lanes.COUNT;
    private static final double ENOUGH_NANOS = 200_000;

    private FullAttention() {}

    /** Places that {@code n} keys take in a row of their layout. */
    public static int places(int n) {
        return (n + 2 * Lanes.COUNT - 1) / (2 * Lanes.COUNT) * 2 * Lanes.COUNT;
    }

    /**
     * Keys of a head as {@link #attend} reads them.
     *
     * @param keys a row a position, {@code stride} apart, the head's first number at {@code at}
     * @param to   [block, headDim, lane] from {@code toAt} on, places(n) of them: a block is as many positions as a vector has lanes
     */
    public static void layOut(float[] keys, int at, int stride, int n, int headDim, float[] to, int toAt) {
        int places = places(n);
        Arrays.fill(to, toAt, toAt + headDim * places, 0);
        for (int p = 0; p < n; p++) {
            for (int d = 0; d < headDim; d++) {
                to[place(toAt, p, d, headDim)] = keys[at + p * stride + d];
            }
        }
    }

    private static int place(int at, int position, int dimension, int headDim) {
        return at + (position / Lanes.COUNT * headDim + dimension) * Lanes.COUNT + position % Lanes.COUNT;
    }

    /** What is made of scores before they become weights. */
    public interface Scores {
        /**
         * Changes a row of scores; -infinity hides a position.
         *
         * @param query  number of the query among the neighbours
         * @param scores of positions {@code first} to {@code last}, the one of position 0 at {@code at}
         */
        void change(int query, float[] scores, int at, int first, int last);
    }

    /** Room that {@link #attend(float[], int, int, int, float[], int, float[], int, boolean[], int, int, float, float[], float[], int)} needs for scores. */
    public static int room(int queries, int n) {
        return Math.max(TILE, queries) * step(n);
    }

    /** From a row of scores to the next: few different ones, as machine code is made for each, and no power of two, at which rows would meet in the cache. */
    private static int step(int n) {
        return Math.max(2 * Lanes.COUNT, Integer.highestOneBit(2 * places(n) - 1)) + DecoderOps.STRANDS;
    }

    /**
     * What any number of neighbouring queries of a head make of the values of all positions.
     *
     * @param scores as many as {@link #room} says; overwritten
     * @throws IllegalArgumentException  where no position is seen, or a score is NaN or infinite
     * @throws IndexOutOfBoundsException where numbers lie outside of their arrays
     */
    public static void attend(float[] q, int qAt, int stride, int queries, float[] keys, int keysAt, float[] values, int valuesAt, boolean[] seen, int n,
            int headDim, float scale, float[] scores, float[] out, int outAt) {
        if (!MachineKernel.isUsed() || headDim % Lanes.COUNT != 0) {
            for (int query = 0; query < queries; query += TILE) {
                attend(q, qAt + query * stride, stride, Math.min(TILE, queries - query), keys, keysAt, values, valuesAt, seen, n, 0, n, headDim, scale, null, scores, out,
                        outAt + query * stride);
            }
            return;
        }
        check(q, qAt, stride, queries, keys, keysAt, values, valuesAt, n, headDim, out, outAt);
        Objects.checkFromIndexSize(0, room(queries, n), scores.length);
        int step = step(n);
        int blocks = (n + Lanes.COUNT - 1) / Lanes.COUNT;
        var rows = Rows.of(scores, 0, step);
        FloatMachineKernel.multiply(Rows.of(keys, keysAt, 0), Lanes.COUNT, headDim * Lanes.COUNT, blocks, Rows.of(q, qAt, stride), queries, headDim, rows);
        int columns = (n + DecoderOps.STRANDS - 1) / DecoderOps.STRANDS * DecoderOps.STRANDS;
        for (int i = 0; i < queries; i++) {
            for (int p = 0; seen != null && p < n; p++) {
                scores[i * step + p] = seen[p] ? scores[i * step + p] : Float.NEGATIVE_INFINITY;
            }
            Arrays.fill(scores, i * step + n, i * step + columns, Float.NEGATIVE_INFINITY);
        }
        SoftmaxCode.apply(scores, queries, step, columns, scale);
        for (int i = 0; i < queries; i++) {
            if (Float.isNaN(scores[i * step])) {
                throw new IllegalArgumentException("softmax over " + n + " scores of query " + i + ", whose largest is not finite: expected finite ones");
            }
        }
        FloatMachineKernel.multiply(Rows.of(values, valuesAt, 0), stride, Lanes.COUNT, headDim / Lanes.COUNT, rows, queries, n, Rows.of(out, outAt, stride));
    }

    private static void check(float[] q, int qAt, int stride, int queries, float[] keys, int keysAt, float[] values, int valuesAt, int n, int headDim, float[] out, int outAt) {
        Objects.checkFromIndexSize(qAt, (queries - 1) * stride + headDim, q.length);
        Objects.checkFromIndexSize(keysAt, headDim * places(n), keys.length);
        Objects.checkFromIndexSize(valuesAt, (n - 1) * stride + headDim, values.length);
        Objects.checkFromIndexSize(outAt, (queries - 1) * stride + headDim, out.length);
    }

    /**
     * What one to {@value #TILE} neighbouring queries of a head make of the values.
     *
     * @param q       queries, {@code stride} apart, the first at {@code qAt}
     * @param queries of them
     * @param keys    as {@link #layOut} leaves them, from {@code keysAt} on
     * @param values  a row a position, {@code stride} apart, the head's first number at {@code valuesAt}
     * @param seen    of each position, whether it is seen; null for all
     * @param n       positions
     * @param first   position that is looked at first
     * @param last    behind the last position that is looked at
     * @param change  of the scores, once they are scaled; null for none
     * @param scores  room for {@value #TILE} rows of {@code places(n)}; overwritten
     * @param out     as the queries lie, from {@code outAt} on
     * @throws IllegalArgumentException  where no position is seen, or a score is NaN or infinite
     * @throws IndexOutOfBoundsException where numbers lie outside of their arrays
     */
    public static void attend(float[] q, int qAt, int stride, int queries, float[] keys, int keysAt, float[] values, int valuesAt, boolean[] seen, int n,
            int first, int last, int headDim, float scale, Scores change, float[] scores, float[] out, int outAt) {
        int places = places(n);
        Objects.checkFromToIndex(first, last, n);
        check(q, qAt, stride, queries, keys, keysAt, values, valuesAt, n, headDim, out, outAt);
        Objects.checkFromIndexSize(0, TILE * places, scores.length);
        Objects.checkIndex(queries - 1, TILE);
        boolean warm = WARMTH.isWarm();
        if (warm) {
            vectorScores(q, qAt, stride, queries, keys, keysAt, places, first, last, headDim, scale, scores);
        } else {
            plainScores(q, qAt, stride, queries, keys, keysAt, places, headDim, scale, scores);
        }
        for (int i = 0; i < queries; i++) {
            if (change != null) {
                change.change(i, scores, i * places, first, last);
            }
            for (int p = first; seen != null && p < last; p++) {
                scores[i * places + p] = seen[p] ? scores[i * places + p] : Float.NEGATIVE_INFINITY;
            }
            DecoderOps.softmax(scores, i * places + first, last - first);
        }
        int d = warm ? vectorSums(stride, queries, values, valuesAt, first, last, headDim, scores, places, out, outAt) : 0;
        plainSums(d, stride, queries, values, valuesAt, first, last, headDim, scores, places, out, outAt);
    }

    /**
     * The scaled products of one to {@value #TILE} neighbouring queries with all keys, as {@link #attend} makes them.
     *
     * @param scores {@value #TILE} rows of {@code places(n)}
     */
    public static void products(float[] q, int qAt, int stride, int queries, float[] keys, int keysAt, int n, int headDim, float scale, float[] scores) {
        int places = places(n);
        Objects.checkFromIndexSize(qAt, (queries - 1) * stride + headDim, q.length);
        Objects.checkFromIndexSize(keysAt, headDim * places, keys.length);
        Objects.checkFromIndexSize(0, TILE * places, scores.length);
        Objects.checkIndex(queries - 1, TILE);
        if (WARMTH.isWarm()) {
            vectorScores(q, qAt, stride, queries, keys, keysAt, places, 0, n, headDim, scale, scores);
        } else {
            plainScores(q, qAt, stride, queries, keys, keysAt, places, headDim, scale, scores);
        }
    }

    /** Two vectors of positions by four queries, which are the last one again where there are fewer. */
    private static void vectorScores(float[] q, int qAt, int stride, int queries, float[] keys, int keysAt, int places, int first, int last,
            int headDim, float scale, float[] scores) {
        int q1 = Math.min(1, queries - 1);
        int q2 = Math.min(2, queries - 1);
        int q3 = queries - 1;
        for (int p = first / (2 * Lanes.COUNT) * 2 * Lanes.COUNT; p < last; p += 2 * Lanes.COUNT) {
            FloatVector a0 = FloatVector.zero(Lanes.F);
            FloatVector b0 = a0;
            FloatVector a1 = a0;
            FloatVector b1 = a0;
            FloatVector a2 = a0;
            FloatVector b2 = a0;
            FloatVector a3 = a0;
            FloatVector b3 = a0;
            int key = keysAt + p * headDim;
            for (int d = 0; d < headDim; d++, key += Lanes.COUNT) {
                FloatVector a = FloatVector.fromArray(Lanes.F, keys, key);
                FloatVector b = FloatVector.fromArray(Lanes.F, keys, key + headDim * Lanes.COUNT);
                FloatVector w0 = FloatVector.broadcast(Lanes.F, q[qAt + d]);
                FloatVector w1 = FloatVector.broadcast(Lanes.F, q[qAt + q1 * stride + d]);
                FloatVector w2 = FloatVector.broadcast(Lanes.F, q[qAt + q2 * stride + d]);
                FloatVector w3 = FloatVector.broadcast(Lanes.F, q[qAt + q3 * stride + d]);
                a0 = a.fma(w0, a0);
                b0 = b.fma(w0, b0);
                a1 = a.fma(w1, a1);
                b1 = b.fma(w1, b1);
                a2 = a.fma(w2, a2);
                b2 = b.fma(w2, b2);
                a3 = a.fma(w3, a3);
                b3 = b.fma(w3, b3);
            }
            a0.mul(scale).intoArray(scores, p);
            b0.mul(scale).intoArray(scores, p + Lanes.COUNT);
            a1.mul(scale).intoArray(scores, q1 * places + p);
            b1.mul(scale).intoArray(scores, q1 * places + p + Lanes.COUNT);
            a2.mul(scale).intoArray(scores, q2 * places + p);
            b2.mul(scale).intoArray(scores, q2 * places + p + Lanes.COUNT);
            a3.mul(scale).intoArray(scores, q3 * places + p);
            b3.mul(scale).intoArray(scores, q3 * places + p + Lanes.COUNT);
        }
    }

    private static void plainScores(float[] q, int qAt, int stride, int queries, float[] keys, int keysAt, int places, int headDim, float scale,
            float[] scores) {
        for (int i = 0; i < queries; i++) {
            Arrays.fill(scores, i * places, (i + 1) * places, 0);
            for (int d = 0; d < headDim; d++) {
                float weight = q[qAt + i * stride + d];
                for (int p = 0; p < places; p++) {
                    scores[i * places + p] = Math.fma(keys[place(keysAt, p, d, headDim)], weight, scores[i * places + p]);
                }
            }
            for (int p = i * places; p < (i + 1) * places; p++) {
                scores[p] *= scale;
            }
        }
    }

    /** Whole vectors of dimensions by four queries; gives the dimension behind them. */
    private static int vectorSums(int stride, int queries, float[] values, int valuesAt, int first, int last, int headDim, float[] weights, int places,
            float[] out, int outAt) {
        int q1 = Math.min(1, queries - 1);
        int q2 = Math.min(2, queries - 1);
        int q3 = queries - 1;
        int d = 0;
        for (; d <= headDim - 2 * Lanes.COUNT; d += 2 * Lanes.COUNT) {
            FloatVector a0 = FloatVector.zero(Lanes.F);
            FloatVector b0 = a0;
            FloatVector a1 = a0;
            FloatVector b1 = a0;
            FloatVector a2 = a0;
            FloatVector b2 = a0;
            FloatVector a3 = a0;
            FloatVector b3 = a0;
            int value = valuesAt + first * stride + d;
            for (int p = first; p < last; p++, value += stride) {
                FloatVector a = FloatVector.fromArray(Lanes.F, values, value);
                FloatVector b = FloatVector.fromArray(Lanes.F, values, value + Lanes.COUNT);
                FloatVector w0 = FloatVector.broadcast(Lanes.F, weights[p]);
                FloatVector w1 = FloatVector.broadcast(Lanes.F, weights[q1 * places + p]);
                FloatVector w2 = FloatVector.broadcast(Lanes.F, weights[q2 * places + p]);
                FloatVector w3 = FloatVector.broadcast(Lanes.F, weights[q3 * places + p]);
                a0 = a.fma(w0, a0);
                b0 = b.fma(w0, b0);
                a1 = a.fma(w1, a1);
                b1 = b.fma(w1, b1);
                a2 = a.fma(w2, a2);
                b2 = b.fma(w2, b2);
                a3 = a.fma(w3, a3);
                b3 = b.fma(w3, b3);
            }
            a0.intoArray(out, outAt + d);
            b0.intoArray(out, outAt + d + Lanes.COUNT);
            a1.intoArray(out, outAt + q1 * stride + d);
            b1.intoArray(out, outAt + q1 * stride + d + Lanes.COUNT);
            a2.intoArray(out, outAt + q2 * stride + d);
            b2.intoArray(out, outAt + q2 * stride + d + Lanes.COUNT);
            a3.intoArray(out, outAt + q3 * stride + d);
            b3.intoArray(out, outAt + q3 * stride + d + Lanes.COUNT);
        }
        return d;
    }

    /** From dimension {@code from} on. */
    private static void plainSums(int from, int stride, int queries, float[] values, int valuesAt, int first, int last, int headDim, float[] weights, int places,
            float[] out, int outAt) {
        for (int i = 0; i < queries && from < headDim; i++) {
            int to = outAt + i * stride;
            Arrays.fill(out, to + from, to + headDim, 0);
            for (int p = first; p < last; p++) {
                float weight = weights[i * places + p];
                int value = valuesAt + p * stride;
                for (int d = from; d < headDim; d++) {
                    out[to + d] = Math.fma(values[value + d], weight, out[to + d]);
                }
            }
        }
    }

    private static void exercise() {
        int n = EXERCISED;
        float[] rows = new float[n * EXERCISED];
        float[] keys = new float[EXERCISED * places(n)];
        float[] scores = new float[TILE * places(n)];
        float[] out = new float[TILE * EXERCISED];
        Arrays.fill(rows, 0.5f);
        Arrays.fill(keys, 0.5f);
        Warmth.repeat(ENOUGH_NANOS, () -> {
            for (int i = 0; i < 8; i++) {
                vectorScores(rows, 0, EXERCISED, TILE, keys, 0, places(n), 0, n, EXERCISED, 1, scores);
                vectorSums(EXERCISED, TILE, rows, 0, 0, n, EXERCISED, scores, places(n), out, 0);
            }
        });
    }
}
