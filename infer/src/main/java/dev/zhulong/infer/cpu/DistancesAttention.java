package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DistanceRows;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Positions.Distances;
import dev.zhulong.infer.cpu.EncoderPass.Sequence;
import dev.zhulong.kernels.FullAttention;
import java.util.Arrays;

/**
 * Attention of DeBERTa (He et al. 2021): to the product of query and key come the query's with the key's distance, and the key's with the query's. What the
 * projections make of the table of distances does not depend on the text and is made once.
 */
final class DistancesAttention extends EncoderAttention {
    private final Distances distances;
    private final int rows;
    /** Distances as keys, and as queries, of each head as {@link FullAttention} reads keys; null where there are none. */
    private final float[] asKeys;
    private final float[] asQueries;
    /** What the distances, as queries, make of the keys of each head of each sequence of a pass [keys, places]; null where they make nothing. */
    private float[][] ofKeys;
    /** Rows of the table for the pairs of each sequence. */
    private int[][] pairs;

    /**
     * @param asKeys    what the table becomes as keys [2 * span, width]; null where queries do not meet it
     * @param asQueries the same as queries
     */
    DistancesAttention(Attention shape, Distances distances, float[] asKeys, float[] asQueries) {
        super(shape.withScores(1 / Math.sqrt((double) shape.headDim() * distances.terms()), 0), null);
        this.distances = distances;
        rows = 2 * distances.span();
        this.asKeys = laidOut(asKeys);
        this.asQueries = laidOut(asQueries);
    }

    private float[] laidOut(float[] table) {
        if (table == null) {
            return null;
        }
        int places = FullAttention.places(rows);
        float[] to = new float[width * places];
        for (int head = 0; head < heads; head++) {
            FullAttention.layOut(table, head * headDim, width, rows, headDim, to, head * headDim * places);
        }
        return to;
    }

    @Override
    long bytes() {
        return Float.BYTES * ((long) (asKeys == null ? 0 : asKeys.length) + (asQueries == null ? 0 : asQueries.length));
    }

    @Override
    void apply(EncoderPass pass, float[] in, Sequence[] sequences) {
        ofKeys = new float[sequences.length * heads][];
        pairs = new int[sequences.length][];
        for (int i = 0; i < pairs.length; i++) {
            pairs[i] = DistanceRows.of(distances, sequences[i].length());
        }
        super.apply(pass, in, sequences);
    }

    @Override
    void prepare(EncoderPass pass, Sequence[] sequences, int number) {
        super.prepare(pass, sequences, number);
        Sequence sequence = sequences[number / heads];
        ofKeys[number] = asQueries == null ? null : products(pass.qkv[1], sequence, number % heads, 0, sequence.length(), asQueries);
    }

    /** A hidden query looks at all tokens of its sequence alike. */
    @Override
    void attend(EncoderPass pass, Task task) {
        Sequence sequence = task.sequence();
        int n = sequence.length();
        int places = FullAttention.places(rows);
        int[] rowOf = pairs[task.number() / heads];
        float[] byKey = ofKeys[task.number()];
        int end = Math.min(n, task.query() + QUERIES);
        for (int query = task.query(); query < end; query += FullAttention.TILE) {
            int tile = query;
            int count = Math.min(FullAttention.TILE, end - query);
            float[] ofQueries = asKeys == null ? null : products(pass.qkv[0], sequence, task.head(), query, count, asKeys);
            boolean[] seen = sequence.seen();
            attend(pass, task, query, count, null, 0, n, (i, scores, at, first, last) -> {
                if (seen != null && !seen[tile + i]) {
                    Arrays.fill(scores, at + first, at + last, 0);
                    return;
                }
                for (int key = first; key < last; key++) {
                    int row = rowOf[tile + i - key + n - 1];
                    float more = (ofQueries == null ? 0 : ofQueries[i * places + row]) + (byKey == null ? 0 : byKey[key * places + row]);
                    scores[at + key] = seen == null || seen[key] ? scores[at + key] + more : Float.NEGATIVE_INFINITY;
                }
            });
        }
    }

    /** Scaled products of a head's rows with what distances become, [count rounded up to a tile, places]. */
    private float[] products(float[] of, Sequence sequence, int head, int from, int count, float[] table) {
        int places = FullAttention.places(rows);
        float[] all = new float[(count + FullAttention.TILE - 1) / FullAttention.TILE * FullAttention.TILE * places];
        float[] tile = new float[FullAttention.TILE * places];
        for (int i = 0; i < count; i += FullAttention.TILE) {
            FullAttention.products(of, (sequence.from() + from + i) * width + head * headDim, width, Math.min(FullAttention.TILE, count - i), table, head * headDim * places, rows,
                    headDim, scale, tile);
            System.arraycopy(tile, 0, all, i * places, tile.length);
        }
        return all;
    }
}
