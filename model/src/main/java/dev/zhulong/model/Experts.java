package dev.zhulong.model;

import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * A mixture of experts (Jiang et al. 2024): a router chooses a few for each token ({@link Router}), and their weighted results are added. Each expert is
 * run once, on all of its tokens together. An expert that is shared (Dai et al. 2024) is given every token besides.
 *
 * <p>The routers keep an account that flows through the network beside the residual stream, F32 [layers, 3, experts], summed over tokens: how often each
 * expert was chosen, its probability, and what it adds to the entropy of the router's distributions; nothing for layers without experts. The loss that
 * balances the experts is made of the first two; a gradient flows through the second alone. Where choices are corrected there is a fourth row: how often the
 * scores alone would have chosen each expert, which is what that loss counts then (DeepSeek-V3, equation 18; ERNIE 4.5). Where a pass asks for it ({@link Mixing}) there is another
 * one, F32 [layers, 3]: the squares of the routers' log-sums, through which a gradient flows, choices that an expert had no room for, and tokens whose
 * choices all were such.
 */
final class Experts implements FeedForward {
    private final Network network;
    private final Mlp.Experts shape;
    private final int layer;
    private final Router router;
    private final List<DenseMlp> experts = new ArrayList<>();
    private final DenseMlp shared;
    private final Weight sharedScale;

    Experts(Network network, Mlp.Experts shape, int layer) {
        this.network = network;
        this.shape = shape;
        this.layer = layer;
        router = new Router(network, shape, layer);
        for (int expert = 0; expert < shape.count(); expert++) {
            experts.add(new DenseMlp(network, shape.expert(), layer, expert));
        }
        shared = shape.shared() == null ? null : new DenseMlp(network, shape.shared(), layer, -1);
        sharedScale = network.find(Role.SHARED_SCALE, layer);
    }

    /** An account of nothing. */
    static Tensor account(Stack stack, Mlp.Experts shape) {
        return Tensor.zeros(DType.F32, stack.layers().size(), shape.routing().correction() ? 4 : 3, shape.count());
    }

    /** The other account, of nothing. */
    static Tensor extra(Stack stack) {
        return Tensor.zeros(DType.F32, stack.layers().size(), 3);
    }

    @Override
    public List<Weight> weights() {
        List<Weight> all = router.weights();
        experts.forEach(expert -> all.addAll(expert.weights()));
        if (shared != null) {
            all.addAll(shared.weights());
        }
        if (sharedScale != null) {
            all.add(sharedScale);
        }
        return all;
    }

    @Override
    public Tensor apply(Tensor x, Tensor[] flow, Pass pass) {
        Tensor rows = x.reshape(-1, x.size(-1));
        Router.Choice choice = router.choose(rows);
        var sorted = new Sorted(choice.experts().toLongs(), shape, pass.mixing());
        // where no token counts and experts have a limit, nothing is left for them
        Tensor given = sorted.rows.length == 0 ? null : rows.indexSelect(0, Tensor.of(sorted.rows, sorted.rows.length));
        var results = new ArrayList<Tensor>();
        for (int expert = 0, at = 0; expert < shape.count(); at += sorted.run[expert++]) {
            if (sorted.run[expert] > 0) {
                results.add(experts.get(expert).apply(given.narrow(0, at, sorted.run[expert])));
            }
        }
        if (sorted.hasDropped()) {
            results.add(Tensor.zeros(DType.F32, 1, rows.size(1)));
        }
        // back in the order of the choices [tokens, chosen, hidden]: what a token gets is added in the order of its own ranks, whatever stands beside it
        Tensor apart = Tensor.cat(0, results.toArray(Tensor[]::new)).indexSelect(0, Tensor.of(sorted.places, sorted.places.length))
                .view(rows.size(0), shape.chosen(), rows.size(1));
        if (network.expertObserver() != null) {
            network.expertObserver().gave(layer, choice.experts(), choice.weights(), apart);
        }
        Tensor sum = choice.weights().unsqueeze(1).matmul(apart).squeeze(1);
        if (shared != null) {
            Tensor all = shared.apply(rows);
            sum = sum.add(sharedScale == null ? all : all.mul(rows.linear(sharedScale.tensor(), null).sigmoid()));
        }
        note(flow, choice, sorted, pass.mixing());
        return sum.view(x.shape());
    }

    private void note(Tensor[] flow, Router.Choice choice, Sorted sorted, Mixing mixing) {
        Tensor index = Tensor.of(new long[] {layer}, 1);
        Tensor counted = mixing.counted() == null ? null : Tensor.of(sorted.counted, sorted.counted.length, 1);
        Tensor probabilities = counted == null ? choice.probabilities() : choice.probabilities().mul(counted);
        float[] counts = new float[shape.count()];
        for (int expert = 0; expert < counts.length; expert++) {
            counts[expert] = sorted.counts[expert];
        }
        var account = new ArrayList<>(List.of(Tensor.of(counts, shape.count()), probabilities.sum(0, false), entropy(probabilities.detach())));
        if (shape.routing().correction()) {
            account.add(uncorrected(choice.uncorrected().toLongs(), mixing));
        }
        Tensor mine = Tensor.stack(0, account.toArray(Tensor[]::new));
        flow[1] = flow[1].indexAdd(0, index, mine.unsqueeze(0));
        if (!mixing.isPlain()) {
            Tensor squares = choice.logits().logsumexp(-1, true).square();
            Tensor z = (counted == null ? squares : squares.mul(counted)).sum().view(1);
            Tensor lost = Tensor.of(new float[] {sorted.dropped, sorted.lost}, 2);
            flow[2] = flow[2].indexAdd(0, index, Tensor.cat(0, z, lost).unsqueeze(0));
        }
    }

    private Tensor uncorrected(long[] chosen, Mixing mixing) {
        float[] counts = new float[shape.count()];
        for (int i = 0; i < chosen.length; i++) {
            counts[(int) chosen[i]] += mixing.counts(i / shape.chosen()) ? 1 : 0;
        }
        return Tensor.of(counts, counts.length);
    }

    /** Choices by expert, within one in the order of the tokens. */
    private static final class Sorted {
        /** By expert, how often it was chosen for tokens that count. */
        private final int[] counts;
        /** By expert, rows it is run on. */
        private final int[] run;
        /** By place in the sorted order, the token's row. */
        private final long[] rows;
        /** By choice, as they came, its place in the sorted order; behind the last for one that is dropped. */
        private final long[] places;
        /** By token 1 where it counts; empty where all do. */
        private final float[] counted;
        /** Choices that count and were dropped, and tokens that nothing was left of. */
        private int dropped;
        private int lost;

        Sorted(long[] chosen, Mlp.Experts shape, Mixing mixing) {
            int tokens = chosen.length / shape.chosen();
            counted = new float[mixing.counted() == null ? 0 : tokens];
            int counting = 0;
            for (int token = 0; token < tokens; token++) {
                counting += mixing.counts(token) ? 1 : 0;
                if (mixing.counted() != null) {
                    counted[token] = mixing.counts(token) ? 1 : 0;
                }
            }
            counts = new int[shape.count()];
            run = new int[shape.count()];
            int room = mixing.capacity() == 0 ? Integer.MAX_VALUE : (int) Math.ceil(mixing.capacity() * counting * shape.chosen() / shape.count());
            boolean[] out = new boolean[chosen.length];
            for (int i = 0; i < chosen.length; i++) {
                int expert = (int) chosen[i];
                boolean counts = mixing.counts(i / shape.chosen());
                this.counts[expert] += counts ? 1 : 0;
                // what is padded takes no room from others, and is as well off without an expert where there is a limit
                out[i] = mixing.capacity() > 0 && (!counts || run[expert] == room);
                run[expert] += out[i] ? 0 : 1;
                dropped += out[i] && counts ? 1 : 0;
            }
            places = new long[chosen.length];
            int kept = 0;
            int[] next = new int[run.length];
            for (int expert = 0; expert < next.length; expert++) {
                next[expert] = kept;
                kept += run[expert];
            }
            rows = new long[kept];
            for (int i = 0; i < chosen.length; i++) {
                int place = out[i] ? kept : next[(int) chosen[i]]++;
                if (!out[i]) {
                    rows[place] = i / shape.chosen();
                }
                places[i] = place;
            }
            for (int token = 0; token < tokens && dropped > 0; token++) {
                boolean nothing = mixing.counts(token);
                for (int rank = 0; rank < shape.chosen(); rank++) {
                    nothing &= out[token * shape.chosen() + rank];
                }
                lost += nothing ? 1 : 0;
            }
        }

        boolean hasDropped() {
            return rows.length < places.length;
        }
    }

    /** The sum over the rows, spread over a row. */
    private Tensor entropy(Tensor probabilities) {
        // an underflowed probability adds nothing, and its logarithm must not make it NaN
        return probabilities.mul(probabilities.add(1e-30).log()).sum(0, false).mul(-1);
    }
}
