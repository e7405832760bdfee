package dev.zhulong.model;

import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.formats.Stack.Positions.Distances;
import dev.zhulong.formats.Stack.Positions.RelativeBias;
import dev.zhulong.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * A Transformer layer of any family: attention, in a decoder behind an encoder attention to that one's output, then an MLP or a mixture of them, or the two
 * side by side. Which norms there are the weights' roles say; where they stand, the stack ({@link NormPlace}).
 */
final class TransformerPart implements Part {
    private final NormPlace place;
    private final double scale;
    /** Vectors that the results of attention and MLP are multiplied by; null for none. */
    private final Weight scale1;
    private final Weight scale2;
    private final Normalisation norm1;
    private final Normalisation norm1Result;
    private final Normalisation norm2;
    private final Normalisation norm2Result;
    private final SelfAttention attention;
    private final CrossAttention cross;
    private final FeedForward mlp;
    private final Dropout attentionDropout;
    private final Dropout mlpDropout;

    TransformerPart(Network network, Stack stack, int layer) {
        this(network, stack, layer, layer);
    }

    /** @param number of the layer among all of the network, by which its weights are found */
    TransformerPart(Network network, Stack stack, int layer, int number) {
        Layer spec = stack.layers().get(layer);
        place = stack.place();
        scale = stack.scales().residual();
        scale1 = network.find(Role.SCALE1, number);
        scale2 = network.find(Role.SCALE2, number);
        norm1 = network.norm(Role.NORM1, number, stack);
        norm1Result = network.norm(Role.NORM1_RESULT, number, stack);
        norm2 = network.norm(Role.NORM2, number, stack);
        norm2Result = network.norm(Role.NORM2_RESULT, number, stack);
        attention = network.find(Role.Q_GLOBAL, layer) != null ? new GlobalAttention(network, stack, layer)
                : stack.positions() instanceof Distances distances ? new DisentangledAttention(network, stack, distances, layer)
                : stack.positions() instanceof RelativeBias ? new BiasedAttention(network, stack, layer, number)
                : spec.attention().latent() != null ? new LatentAttention(network, stack, layer)
                : new MultiHeadAttention(network, stack, layer, number);
        cross = spec.cross() == null ? null : new CrossAttention(network, stack, layer, number);
        attentionDropout = network.dropout();
        mlpDropout = network.dropout();
        mlp = switch (spec.mlp()) {
            case Mlp.Dense dense -> new DenseMlp(network, dense, number, -1);
            case Mlp.Experts experts -> new Experts(network, experts, number);
        };
    }

    @Override
    public List<Weight> weights() {
        List<Weight> all = new ArrayList<>(Normalisation.weights(norm1, norm1Result, norm2, norm2Result));
        all.addAll(attention.weights());
        all.addAll(cross == null ? List.of() : cross.weights());
        all.addAll(mlp.weights());
        Stream.of(scale1, scale2).filter(Objects::nonNull).forEach(all::add);
        return all;
    }

    @Override
    public Tensor[] forward(Tensor[] flow, Pass pass) {
        Tensor[] next = flow.clone();
        Tensor x = flow[0];
        switch (place) {
            case BEFORE, AROUND, RESULT -> {
                x = x.add(scaled(scale1, attentionDropout.apply(normed(norm1Result, attention.apply(normed(norm1, x), pass)))));
                x = cross == null ? x : cross.apply(x, flow[1], pass);
                next[0] = x.add(scaled(scale2, mlpDropout.apply(normed(norm2Result, mlp.apply(normed(norm2, x), next, pass)))));
            }
            case AFTER -> {
                x = norm1.apply(x.add(attentionDropout.apply(attention.apply(x, pass))));
                x = cross == null ? x : cross.apply(x, flow[1], pass);
                next[0] = norm2.apply(x.add(mlpDropout.apply(mlp.apply(x, next, pass))));
            }
            case PARALLEL -> {
                Tensor given = normed(norm1, x);
                Tensor attended = attentionDropout.apply(attention.apply(given, pass));
                next[0] = x.add(scaled(null, attended.add(mlpDropout.apply(mlp.apply(norm2 == null ? given : norm2.apply(x), next, pass)))));
            }
        }
        return next;
    }

    private static Tensor normed(Normalisation norm, Tensor x) {
        return norm == null ? x : norm.apply(x);
    }

    private Tensor scaled(Weight each, Tensor x) {
        Tensor all = scale == 1 ? x : x.mul(scale);
        return each == null ? all : all.mul(each.tensor());
    }
}
