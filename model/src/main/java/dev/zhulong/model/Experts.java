package dev.zhulong.model;

import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * A mixture of experts (Jiang et al. 2024): a router gives each token's logits over the experts; the few highest of them run, and their results are
 * added, weighted by the softmax over the chosen. Each expert is run once, on all of its tokens together.
 *
 * <p>The routers keep an account that flows through the network beside the residual stream, F32 [layers, 3, experts], summed over tokens: how often each
 * expert was chosen, its probability, and what it adds to the entropy of the router's distributions. The loss that balances the experts is
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
        var sorted = new Sorted(top.indices().toLongs(), shape);
        Tensor given = rows.indexSelect(0, Tensor.of(sorted.rows, sorted.rows.length));
        var results = new ArrayList<Tensor>();
        for (int expert = 0, at = 0; expert < shape.count(); at += sorted.counts[expert++]) {
            if (sorted.counts[expert] > 0) {
                results.add(experts.get(expert).apply(given.narrow(0, at, sorted.counts[expert]), flow));
            }
        }
        // back in the order of the choices [tokens, chosen, hidden]: what a token gets is added in the order of its own ranks, whatever stands beside it
        Tensor apart = Tensor.cat(0, results.toArray(Tensor[]::new)).indexSelect(0, Tensor.of(sorted.places, sorted.places.length))
                .view(rows.size(0), shape.chosen(), rows.size(1));
        Tensor sum = share.unsqueeze(1).matmul(apart).squeeze(1);
        float[] counts = new float[shape.count()];
        for (int expert = 0; expert < counts.length; expert++) {
            counts[expert] = sorted.counts[expert];
        }
        Tensor row = Tensor.of(counts, shape.count());
        Tensor mine = Tensor.stack(0, row, probabilities.sum(0, false), entropy(probabilities.detach()));
        flow[1] = flow[1].indexAdd(0, Tensor.of(new long[] {layer}, 1), mine.unsqueeze(0));
        return sum.view(x.shape());
    }

    /** Choices by expert, within one in the order of the tokens. */
    private static final class Sorted {
        /** By expert, how often it was chosen. */
        private final int[] counts;
        /** By place in the sorted order, the token's row. */
        private final long[] rows;
        /** By choice, as they came, its place in the sorted order. */
        private final long[] places;

        Sorted(long[] chosen, Mlp.Experts shape) {
            counts = new int[shape.count()];
            rows = new long[chosen.length];
            places = new long[chosen.length];
            for (long expert : chosen) {
                counts[(int) expert]++;
            }
            int[] next = new int[counts.length];
            for (int expert = 1; expert < next.length; expert++) {
                next[expert] = next[expert - 1] + counts[expert - 1];
            }
            for (int i = 0; i < chosen.length; i++) {
                int place = next[(int) chosen[i]]++;
                rows[place] = i / shape.chosen();
                places[i] = place;
            }
        }
    }

    /** The sum over the rows, spread over a row. */
    private Tensor entropy(Tensor probabilities) {
        // an underflowed probability adds nothing, and its logarithm must not make it NaN
        return probabilities.mul(probabilities.add(1e-30).log()).sum(0, false).mul(-1);
    }
}
