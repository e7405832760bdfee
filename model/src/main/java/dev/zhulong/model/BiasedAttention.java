package dev.zhulong.model;

import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Positions.RelativeBias;
import dev.zhulong.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Attention to whose scores a learned number for each head and range of distances is added (T5, Raffel et al. 2020); the table of the stack's first layer
 * serves all of them.
 */
final class BiasedAttention implements SelfAttention {
    private final Attention shape;
    private final int layer;
    private final Linear q;
    private final Linear k;
    private final Linear v;
    private final Linear out;
    private final Weight bias;

    /** @param number of the layer among all of the network, by which its weights are found */
    BiasedAttention(Network network, Stack stack, int layer, int number) {
        this.shape = stack.layers().get(layer).attention();
        this.layer = layer;
        q = network.linear(Role.Q, number, -1);
        k = network.linear(Role.K, number, -1);
        v = network.linear(Role.V, number, -1);
        out = network.linear(Role.OUT, number, -1);
        bias = network.weight(Role.RELATIVE_BIAS, number - layer);
    }

    @Override
    public List<Weight> weights() {
        List<Weight> all = new ArrayList<>(Linear.weights(q, k, v, out));
        all.add(bias);
        return all;
    }

    @Override
    public Tensor apply(Tensor h, Pass pass) {
        Tensor[] apart = Linear.applyAll(h, q, k, v);
        Tensor keys = heads(apart[1], shape.kvHeads());
        Tensor values = heads(apart[2], shape.kvHeads());
        if (pass.cache() != null) {
            KeyValues.Pair all = pass.cache().append(layer, keys, values);
            keys = all.k();
            values = all.v();
        }
        Tensor scores = heads(apart[0], shape.heads()).mul(shape.scoreScale()).matmul(keys.transpose(2, 3))
                .add(bias.tensor().embedding(pass.ranges()).permute(2, 0, 1).unsqueeze(0));
        Tensor mask = pass.mask();
        Tensor y = (mask == null ? scores : scores.add(mask)).softmax(-1).matmul(values);
        return out.apply(y.transpose(1, 2).reshape(h.size(0), h.size(1), shape.width()));
    }

    /** The range of each distance of a pass, I64 [seq, keys]; null where the stack has none. */
    static Tensor ranges(Stack stack, int seq, int keys, boolean bothWays) {
        if (!(stack.positions() instanceof RelativeBias bias)) {
            return null;
        }
        // one for each distance: a key less a query lies between 1 - keys and seq - 1
        int[] byDistance = new int[keys + seq];
        Arrays.setAll(byDistance, i -> bias.bucket(i - keys + 1, bothWays));
        int[] all = new int[seq * keys];
        for (int i = 0; i < seq; i++) {
            System.arraycopy(byDistance, seq - 1 - i, all, i * keys, keys);
        }
        return Tensor.of(all, seq, keys);
    }

    private Tensor heads(Tensor x, int heads) {
        return x.view(x.size(0), x.size(1), heads, shape.headDim()).transpose(1, 2);
    }
}
