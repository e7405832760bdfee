package dev.zhulong.model;

import dev.zhulong.formats.DistanceRows;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Positions.Distances;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/**
 * Attention of DeBERTa (He et al. 2021): to the product of query and key come the query's with the key's distance, and the key's with the query's. The table
 * of distances is the same in all layers and passes the layer's projections.
 */
final class DisentangledAttention implements SelfAttention {
    private final Attention shape;
    private final Distances distances;
    private final Linear q;
    private final Linear k;
    private final Linear v;
    private final Linear out;
    /** What distances pass to meet queries, and keys; null where they meet none. */
    private final Linear keysOfDistances;
    private final Linear queriesOfDistances;
    private final Weight table;
    private final Normalisation tableNorm;

    DisentangledAttention(Network network, Stack stack, Distances distances, int layer) {
        this.distances = distances;
        shape = stack.layers().get(layer).attention();
        q = network.linear(Role.Q, layer, -1);
        k = network.linear(Role.K, layer, -1);
        v = network.linear(Role.V, layer, -1);
        out = network.linear(Role.OUT, layer, -1);
        keysOfDistances = !distances.keys() ? null : distances.shared() ? k : network.linear(Role.K_DISTANCES, layer, -1);
        queriesOfDistances = !distances.queries() ? null : distances.shared() ? q : network.linear(Role.Q_DISTANCES, layer, -1);
        table = network.weight(Role.DISTANCES, -1);
        tableNorm = network.norm(Role.DISTANCES_NORM, -1, stack);
    }

    @Override
    public List<Weight> weights() {
        Linear[] all = Stream.of(q, k, v, out, keysOfDistances, queriesOfDistances).distinct().toArray(Linear[]::new);
        List<Weight> weights = new ArrayList<>(Linear.weights(all));
        weights.add(table);
        weights.addAll(Normalisation.weights(tableNorm));
        return weights;
    }

    @Override
    public Tensor apply(Tensor h, Pass pass) {
        long batch = h.size(0);
        long seq = h.size(1);
        Tensor[] apart = Linear.applyAll(h, q, k, v);
        Tensor[] heads = Arrays.stream(apart).map(x -> x.view(batch, seq, shape.heads(), shape.headDim()).transpose(1, 2)).toArray(Tensor[]::new);
        double scale = 1 / Math.sqrt((double) shape.headDim() * distances.terms());
        Tensor scores = heads[0].matmul(heads[1].transpose(2, 3));
        Tensor rows = tableNorm == null ? table.tensor() : tableNorm.apply(table.tensor());
        Tensor index = pass.distances().expand(batch, shape.heads(), seq, seq);
        if (keysOfDistances != null) {
            scores = scores.add(heads[0].matmul(ofDistances(keysOfDistances, rows)).gather(3, index));
        }
        if (queriesOfDistances != null) {
            // by key and query: the distance of a pair is the same row of the table whichever of the two is asked
            Tensor byKey = heads[1].matmul(ofDistances(queriesOfDistances, rows)).gather(3, index.transpose(2, 3));
            scores = scores.add(byKey.transpose(2, 3));
        }
        scores = scores.mul(scale);
        Tensor hidden = pass.hidden();
        // so large that nothing of the score is left, and no infinity, since a hidden query looks at all keys alike
        Tensor y = (hidden == null ? scores : scores.maskedFill_(hidden, -Float.MAX_VALUE)).softmax(-1).matmul(heads[2]);
        return out.apply(y.transpose(1, 2).reshape(batch, seq, shape.width()));
    }

    /** The table through a projection: [heads, head dim, rows]. */
    private Tensor ofDistances(Linear projection, Tensor rows) {
        return projection.apply(rows).view(rows.size(0), shape.heads(), shape.headDim()).permute(1, 2, 0);
    }

    /**
     * Rows of the table for each pair.
     *
     * @return [seq, seq], by query and key
     */
    static Tensor rowsOfPairs(Distances distances, int seq) {
        int[] rows = DistanceRows.of(distances, seq);
        long[] pairs = new long[Math.multiplyExact(seq, seq)];
        for (int query = 0; query < seq; query++) {
            for (int key = 0; key < seq; key++) {
                pairs[query * seq + key] = rows[query - key + seq - 1];
            }
        }
        return Tensor.of(pairs, seq, seq);
    }

    /**
     * 1 where a token is seen, 0 where it is padding.
     *
     * @param visible [batch · seq]
     * @param shape   batch and seq
     * @return [batch, seq, 1]
     */
    static Tensor seen(boolean[] visible, long[] shape) {
        float[] seen = new float[visible.length];
        for (int i = 0; i < seen.length; i++) {
            seen[i] = visible[i] ? 1 : 0;
        }
        return Tensor.of(seen, shape[0], shape[1], 1);
    }

    /**
     * Where the query or the key is hidden; no gradient goes through these scores.
     *
     * @param seen [batch, seq, 1]
     * @return BOOL [batch, 1, seq, seq]
     */
    static Tensor hidden(Tensor seen) {
        return seen.mul(seen.transpose(1, 2)).eq(Tensor.zeros(DType.F32, 1)).unsqueeze(1);
    }
}
