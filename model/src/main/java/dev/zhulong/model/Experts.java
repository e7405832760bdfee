package dev.zhulong.model;

import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;

/**
 * A mixture of experts (Jiang et al. 2024): a router gives each token's logits over the experts; the few highest of them run, and their results are
 * added, weighted by the softmax over the chosen. Each expert is run once, on all of its tokens together.
 *
 * <p>The routers keep an account that flows through the network beside the residual stream, F32 [layers, 3, experts], summed over tokens: how often each
 * expert was chosen, its probability, and in the last row's first place the entropy of the router's distributions. The loss that balances the experts is
 * made of the first two; a gradient flows through the second alone.
 */
final class Experts implements FeedForward {
    private final Mlp.Experts shape;
    private final int layer;
    private final Weight router;
    private final List<DenseMlp> experts = new ArrayList<>();

    Experts(Network network, Mlp.Experts shape, int layer) {
        this.shape = shape;
        this.layer = layer;
        router = network.weight(Role.ROUTER, layer);
        for (int expert = 0; expert < shape.count(); expert++) {
            experts.add(new DenseMlp(network, shape.expert(), layer, expert));
        }
    }

    /** The mixture of a stack, where it has one; of several, the first. */
    static Optional<Mlp.Experts> of(Stack stack) {
        return stack.layers().stream().map(Stack.Layer::mlp).filter(Mlp.Experts.class::isInstance).map(Mlp.Experts.class::cast).findFirst();
    }

    /** An account of nothing. */
    static Tensor account(Stack stack, Mlp.Experts shape) {
        return Tensor.zeros(DType.F32, stack.layers().size(), 3, shape.count());
    }

    @Override
    public List<Weight> weights() {
        List<Weight> all = new ArrayList<>(List.of(router));
        experts.forEach(expert -> all.addAll(expert.weights()));
        return all;
    }

    @Override
    public Tensor apply(Tensor x, Tensor[] flow) {
        Tensor rows = x.reshape(-1, x.size(-1));
        Tensor probabilities = rows.linear(router.tensor(), null).softmax(-1);
        Tensor.Top top = probabilities.topK(shape.chosen());
        // over the chosen, softmax of the logits is the softmax over all made to sum to one again
        Tensor share = top.values().div(top.values().sum(-1, true));
        long[] chosen = top.indices().toLongs();
        Tensor sum = Tensor.zeros(DType.F32, rows.shape());
        float[] counts = new float[shape.count()];
        for (int expert = 0; expert < shape.count(); expert++) {
            long[] slots = slotsOf(chosen, expert);
            counts[expert] = slots.length;
            if (slots.length > 0) {
                Tensor at = Tensor.of(slots, slots.length);
                Tensor tokens = Tensor.of(rowsOf(slots), slots.length);
                Tensor y = experts.get(expert).apply(rows.indexSelect(0, tokens), flow);
                sum = sum.indexAdd(0, tokens, y.mul(share.reshape(-1).indexSelect(0, at).unsqueeze(-1)));
            }
        }
        Tensor row = Tensor.of(counts, shape.count());
        Tensor mine = Tensor.stack(0, row, probabilities.sum(0, false), entropy(probabilities.detach()));
        flow[1] = flow[1].indexAdd(0, Tensor.of(new long[] {layer}, 1), mine.unsqueeze(0));
        return sum.view(x.shape());
    }

    /** Places in [tokens · chosen] where an expert was chosen. */
    private static long[] slotsOf(long[] chosen, int expert) {
        var slots = LongStream.builder();
        for (int i = 0; i < chosen.length; i++) {
            if (chosen[i] == expert) {
                slots.add(i);
            }
        }
        return slots.build().toArray();
    }

    private long[] rowsOf(long[] slots) {
        long[] rows = new long[slots.length];
        for (int i = 0; i < rows.length; i++) {
            rows[i] = slots[i] / shape.chosen();
        }
        return rows;
    }

    /** The sum over the rows, in the first place of a row. */
    private Tensor entropy(Tensor probabilities) {
        float[] row = new float[shape.count()];
        // an underflowed probability adds nothing, and its logarithm must not make it NaN
        row[0] = (float) -probabilities.mul(probabilities.add(1e-30).log()).sum().item();
        return Tensor.of(row, shape.count());
    }
}
