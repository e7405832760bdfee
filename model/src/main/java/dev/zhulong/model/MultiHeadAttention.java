package dev.zhulong.model;

import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.HeadNorm;
import dev.zhulong.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * Attention by heads of queries, keys and values (Vaswani et al. 2017). What a family has or lacks (rotation, norms of heads, sinks, biases, one matrix
 * for queries, keys and values) the spec and the weights' roles say.
 */
final class MultiHeadAttention implements SelfAttention {
    private final Attention shape;
    private final int layer;
    private final Linear qkv;
    private final Linear q;
    private final Linear k;
    private final Linear v;
    private final Linear out;
    private final Normalisation qNorm;
    private final Normalisation kNorm;
    private final Weight sinks;
    /** Whether {@link #qkv} has the queries, the key and the value of each key head together. */
    private final boolean byHead;

    /** @param number of the layer among all of the network, by which its weights are found */
    MultiHeadAttention(Network network, Stack stack, int layer, int number) {
        this.shape = stack.layers().get(layer).attention();
        this.layer = layer;
        qkv = network.linear(Role.QKV, number, -1);
        q = network.linear(Role.Q, number, -1);
        k = network.linear(Role.K, number, -1);
        v = network.linear(Role.V, number, -1);
        out = network.linear(Role.OUT, number, -1);
        qNorm = network.norm(Role.Q_NORM, number, stack);
        kNorm = network.norm(Role.K_NORM, number, stack);
        sinks = network.find(Role.SINKS, number);
        byHead = qkv != null && qkv.layout() == Layout.BY_HEAD;
    }

    @Override
    public List<Weight> weights() {
        List<Weight> all = new ArrayList<>(Normalisation.weights(qNorm, kNorm));
        all.addAll(Linear.weights(qkv, q, k, v, out));
        if (sinks != null) {
            all.add(sinks);
        }
        return all;
    }

    @Override
    public Tensor apply(Tensor h, Pass pass) {
        long batch = h.size(0);
        long seq = h.size(1);
        Tensor[] apart = qkv == null ? Linear.applyAll(h, q, k, v) : apart(qkv.apply(h));
        boolean turnedFirst = shape.headNorm() == HeadNorm.TURNED_HEAD;
        Tensor queries = pass.turned(layer, clipped(heads(apart[0], shape.heads(), turnedFirst ? null : qNorm)));
        Tensor keys = pass.turned(layer, clipped(heads(apart[1], shape.kvHeads(), turnedFirst ? null : kNorm)));
        Tensor values = clipped(heads(apart[2], shape.kvHeads(), null));
        if (turnedFirst) {
            queries = qNorm.apply(queries);
            keys = kNorm.apply(keys);
        }
        Tensor y = pass.attend(layer, queries.transpose(1, 2), keys.transpose(1, 2), values.transpose(1, 2), sinks == null ? null : sinks.tensor());
        return out.apply(y.transpose(1, 2).reshape(batch, seq, shape.width()));
    }

    private Tensor clipped(Tensor x) {
        return shape.clip() == 0 ? x : x.clamp(-shape.clip(), shape.clip());
    }

    /** Queries, keys and values from what one matrix gave, [batch, seq, width + 2 · kv width]. */
    private Tensor[] apart(Tensor all) {
        if (!byHead) {
            return all.split(-1, shape.width(), shape.kvWidth(), shape.kvWidth()).toArray(Tensor[]::new);
        }
        long sharing = shape.heads() / shape.kvHeads();
        return all.view(all.size(0), all.size(1), shape.kvHeads(), sharing + 2, shape.headDim()).split(3, sharing, 1, 1).stream()
                .map(part -> part.reshape(all.size(0), all.size(1), -1)).toArray(Tensor[]::new);
    }

    /** Rows [batch, seq, heads · head dim] as heads [batch, seq, heads, head dim], normalised where there is a norm. */
    private Tensor heads(Tensor rows, long heads, Normalisation norm) {
        long[] apart = {rows.size(0), rows.size(1), heads, shape.headDim()};
        if (norm == null) {
            return rows.view(apart);
        }
        return shape.headNorm() == HeadNorm.ROW ? norm.apply(rows).view(apart) : norm.apply(rows.view(apart));
    }
}
