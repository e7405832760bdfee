package dev.zhulong.model;

import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/** Attention of a decoder's layer to what an encoder gave: queries from its own stream, keys and values from there (Vaswani et al. 2017). */
final class CrossAttention {
    private final boolean before;
    private final Attention shape;
    private final int layer;
    private final Normalisation norm;
    private final Linear q;
    private final Linear k;
    private final Linear v;
    private final Linear out;
    private final Dropout dropout;

    CrossAttention(Network network, Stack stack, int layer, int number) {
        this.before = stack.place() == NormPlace.BEFORE;
        if (!before && stack.place() != NormPlace.AFTER) {
            throw new IllegalArgumentException("attention to an encoder with norms " + stack.place() + " is not implemented");
        }
        this.shape = stack.layers().get(layer).cross();
        this.layer = layer;
        norm = network.norm(Role.CROSS_NORM, number, stack);
        q = network.linear(Role.CROSS_Q, number, -1);
        k = network.linear(Role.CROSS_K, number, -1);
        v = network.linear(Role.CROSS_V, number, -1);
        out = network.linear(Role.CROSS_OUT, number, -1);
        dropout = network.dropout();
    }

    List<Weight> weights() {
        List<Weight> all = new ArrayList<>(Normalisation.weights(norm));
        all.addAll(Linear.weights(q, k, v, out));
        return all;
    }

    /**
     * The stream with the attention's result, normalised as the stack has it.
     *
     * @param x       [batch, seq, hidden]
     * @param encoded [batch, source, hidden]; not read where the pass has keys and values of it
     */
    Tensor apply(Tensor x, Tensor encoded, Pass pass) {
        Tensor h = before ? norm.apply(x) : x;
        Tensor queries = heads(q.apply(h), shape.heads());
        KeyValues.Pair pair = pass.crossKeys() == null ? pair(encoded) : pass.crossKeys().of(layer, () -> pair(encoded));
        Tensor y = new Scoring(shape.scale(), shape.softcap(), null).attend(queries, pair.k(), pair.v(), pass.sourcePadding(), false);
        y = dropout.apply(out.apply(y.transpose(1, 2).reshape(h.size(0), h.size(1), shape.width())));
        return before ? x.add(y) : norm.apply(x.add(y));
    }

    private KeyValues.Pair pair(Tensor encoded) {
        Tensor[] both = Linear.applyAll(encoded, k, v);
        return new KeyValues.Pair(heads(both[0], shape.kvHeads()), heads(both[1], shape.kvHeads()));
    }

    private Tensor heads(Tensor x, int heads) {
        return x.view(x.size(0), x.size(1), heads, shape.headDim()).transpose(1, 2);
    }
}
