package dev.zhulong.model;

import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * Attention by heads of queries, keys and values (Vaswani et al. 2017). What a family has or lacks (rotation, norms of heads, biases, one matrix for
 * queries, keys and values) the spec and the weights' roles say.
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

    MultiHeadAttention(Network network, Stack stack, int layer) {
        this.shape = stack.layers().get(layer).attention();
        this.layer = layer;
        qkv = network.linear(Role.QKV, layer, -1);
        q = network.linear(Role.Q, layer, -1);
        k = network.linear(Role.K, layer, -1);
        v = network.linear(Role.V, layer, -1);
        out = network.linear(Role.OUT, layer, -1);
        qNorm = network.norm(Role.Q_NORM, layer, stack);
        kNorm = network.norm(Role.K_NORM, layer, stack);
    }

    @Override
    public List<Weight> weights() {
        List<Weight> all = new ArrayList<>(Normalisation.weights(qNorm, kNorm));
        all.addAll(Linear.weights(qkv, q, k, v, out));
        return all;
    }

    @Override
    public Tensor apply(Tensor h, Pass pass) {
        long batch = h.size(0);
        long seq = h.size(1);
        Tensor y;
        if (qkv != null) {
            var parts = qkv.apply(h).view(batch, seq, 3L * shape.heads(), shape.headDim()).transpose(1, 2)
                    .split(1, shape.heads(), shape.heads(), shape.heads());
            y = pass.attend(layer, parts.get(0), parts.get(1), parts.get(2));
        } else {
            Tensor[] apart = Linear.applyAll(h, q, k, v);
            Tensor queries = turned(apart[0].view(batch, seq, shape.heads(), shape.headDim()), qNorm, pass);
            Tensor keys = turned(apart[1].view(batch, seq, shape.kvHeads(), shape.headDim()), kNorm, pass);
            Tensor values = apart[2].view(batch, seq, shape.kvHeads(), shape.headDim());
            y = pass.attend(layer, queries.transpose(1, 2), keys.transpose(1, 2), values.transpose(1, 2));
        }
        return out.apply(y.transpose(1, 2).reshape(batch, seq, shape.width()));
    }

    /** Heads [batch, seq, heads, head dim], normalised and rotated where the family does that. */
    private static Tensor turned(Tensor heads, Normalisation norm, Pass pass) {
        Tensor x = norm == null ? heads : norm.apply(heads);
        return pass.cos() == null ? x : RotaryTable.rotate(x, pass.cos(), pass.sin());
    }
}
