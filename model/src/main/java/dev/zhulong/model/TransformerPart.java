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
 * A Transformer layer of any family: attention, then an MLP or a mixture of them, or the two side by side. Which norms there are the weights' roles say;
 * where they stand, the stack ({@link NormPlace}).
 */
final class TransformerPart implements Part {
    private final NormPlace place;
    private final double scale;
    private final Normalisation norm1;
    private final Normalisation norm1Result;
    private final Normalisation norm2;
    private final Normalisation norm2Result;
    private final SelfAttention attention;
    private final FeedForward mlp;

    TransformerPart(Network network, Stack stack, int layer) {
        Layer spec = stack.layers().get(layer);
        place = stack.place();
        scale = stack.scales().residual();
        norm1 = network.norm(Role.NORM1, layer, stack);
        norm1Result = network.norm(Role.NORM1_RESULT, layer, stack);
        norm2 = network.norm(Role.NORM2, layer, stack);
        norm2Result = network.norm(Role.NORM2_RESULT, layer, stack);
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
        List<Weight> all = new ArrayList<>(Normalisation.weights(norm1, norm1Result, norm2, norm2Result));
        all.addAll(attention.weights());
        all.addAll(mlp.weights());
        return all;
    }

    @Override
    public Tensor[] forward(Tensor[] flow, Pass pass) {
        Tensor[] next = flow.clone();
        Tensor x = flow[0];
        switch (place) {
            case BEFORE, AROUND, RESULT -> {
                x = x.add(scaled(normed(norm1Result, attention.apply(normed(norm1, x), pass))));
                next[0] = x.add(scaled(normed(norm2Result, mlp.apply(normed(norm2, x), next, pass))));
            }
            case AFTER -> {
                x = norm1.apply(x.add(attention.apply(x, pass)));
                next[0] = norm2.apply(x.add(mlp.apply(x, next, pass)));
            }
            case PARALLEL -> {
                Tensor given = normed(norm1, x);
                Tensor attended = attention.apply(given, pass);
                next[0] = x.add(scaled(attended.add(mlp.apply(norm2 == null ? given : norm2.apply(x), next, pass))));
            }
        }
        return next;
    }

    private static Tensor normed(Normalisation norm, Tensor x) {
        return norm == null ? x : norm.apply(x);
    }

    private Tensor scaled(Tensor x) {
        return scale == 1 ? x : x.mul(scale);
    }
}
