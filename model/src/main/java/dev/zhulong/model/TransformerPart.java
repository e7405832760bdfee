package dev.zhulong.model;

import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.formats.Stack.Positions.Distances;
import dev.zhulong.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * A Transformer layer of any family: attention, then an MLP or a mixture of them, each with its norm before it or after its sum.
 */
final class TransformerPart implements Part {
    private final boolean before;
    private final Normalisation norm1;
    private final Normalisation norm2;
    private final SelfAttention attention;
    private final FeedForward mlp;

    TransformerPart(Network network, Stack stack, int layer) {
        Layer spec = stack.layers().get(layer);
        this.before = stack.place() == NormPlace.BEFORE;
        norm1 = network.norm(Role.NORM1, layer, stack);
        norm2 = network.norm(Role.NORM2, layer, stack);
        attention = network.find(Role.Q_GLOBAL, layer) != null ? new GlobalAttention(network, stack, layer)
                : stack.positions() instanceof Distances distances ? new DisentangledAttention(network, stack, distances, layer)
                : new MultiHeadAttention(network, stack, layer);
        mlp = switch (spec.mlp()) {
            case Mlp.Dense dense -> new DenseMlp(network, dense, layer, -1);
            case Mlp.Experts experts -> new Experts(network, experts, layer);
        };
    }

    @Override
    public List<Weight> weights() {
        List<Weight> all = new ArrayList<>(Normalisation.weights(norm1, norm2));
        all.addAll(attention.weights());
        all.addAll(mlp.weights());
        return all;
    }

    @Override
    public Tensor[] forward(Tensor[] flow, Pass pass) {
        Tensor[] next = flow.clone();
        Tensor x = flow[0];
        if (before) {
            x = x.add(attention.apply(norm1.apply(x), pass));
            next[0] = x.add(mlp.apply(norm2.apply(x), next, pass));
        } else {
            x = norm1.apply(x.add(attention.apply(x, pass)));
            next[0] = norm2.apply(x.add(mlp.apply(x, next, pass)));
        }
        return next;
    }
}
