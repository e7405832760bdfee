package dev.zhulong.train;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.formats.Role;
import dev.zhulong.formats.Stack;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.model.Mixing;
import dev.zhulong.model.Network;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The loss that keeps the experts of a mixture equally busy (Fedus et al. 2022): experts · Σ (share of the choices · mean probability), which is the
 * number of choices a token where all are equal. What it adds to the gradient is no part of the loss that is reported, no more than weight decay is; it is
 * reported by itself.
 */
public final class Balance {
    /** Numbers of a layer in the account that passes with the stream beside {@code Experts}' first. */
    private static final int EXTRA = 3;

    /** What the shares are taken over. */
    public enum Over {
        /** Each layer, and the mean over them: no expert of any layer may starve. */
        LAYER,
        /**
         * All layers together, as transformers has it for Mixtral. Experts of different layers that only have a number in common make up for one another:
         * one that is given nothing costs nothing if its namesakes are given more.
         */
        NETWORK
    }

    private final Balancing how;
    private final Mlp.Experts experts;
    private final int layers;
    /** Of a layer's account. */
    private final int rows;
    /** That the loss counts choices by: as they were made, or as the scores alone would have made them. */
    private final int counted;
    /** Layers that have experts; the account has nothing of the others. */
    private final int mixtures;
    private final boolean[] mixture;
    /** Summed over batches since {@link #observed} was last asked: of each layer and expert the choices, and the tokens, entropy and losses. */
    private final double[] chosen;
    private double tokens;
    private double entropy;
    private double squares;
    private double choicesDropped;
    private double tokensDropped;
    /** Choices since corrections were last moved. */
    private final double[] loads;
    private double loss;
    private int batches;

    private Balance(Stack stack, Mlp.Experts experts, Balancing how) {
        this.how = how;
        this.experts = experts;
        this.layers = stack.layers().size();
        this.rows = experts.routing().correction() ? 4 : 3;
        this.counted = experts.routing().correction() ? 3 : 0;
        this.mixtures = (int) stack.layers().stream().filter(layer -> layer.mlp() instanceof Mlp.Experts).count();
        this.mixture = new boolean[layers];
        for (int layer = 0; layer < layers; layer++) {
            mixture[layer] = stack.layers().get(layer).mlp() instanceof Mlp.Experts;
        }
        this.chosen = new double[layers * experts.count()];
        this.loads = new double[layers * experts.count()];
    }

    /** Of a network with a mixture; empty of others. */
    static Optional<Balance> of(Stack stack, Balancing how) {
        return stack.experts().map(mixture -> new Balance(stack, mixture, how));
    }

    /** The same with nothing but the loss that the configuration says. */
    static Optional<Balance> of(Stack stack, Over over) {
        return stack.experts().flatMap(mixture -> of(stack, Balancing.of(mixture, over)));
    }

    /**
     * The loss of an account.
     *
     * @param account F32 [layers, 3 or 4, experts] ({@code dev.zhulong.model.Experts})
     */
    double loss(Tensor account) {
        float[] values = account.toFloats();
        return loss(values, weights(values, decisions(values)));
    }

    private double loss(float[] values, double[] weights) {
        double sum = 0;
        for (int layer = 0; layer < layers; layer++) {
            for (int expert = 0; expert < experts.count(); expert++) {
                sum += weights[layer * experts.count() + expert] * values[at(layer, 1, expert)];
            }
        }
        return sum;
    }

    /**
     * The gradient of the loss to the account, times the factor of the configuration and {@code count}, by which all gradients are divided later.
     * Notes what the routers did.
     */
    Tensor gradient(Tensor account, long count) {
        float[] values = account.toFloats();
        double decisions = decisions(values);
        double[] weights = weights(values, decisions);
        float[] gradient = new float[values.length];
        for (int layer = 0; layer < layers; layer++) {
            for (int expert = 0; expert < experts.count(); expert++) {
                gradient[at(layer, 1, expert)] = (float) (how.factor() * count * weights[layer * experts.count() + expert]);
            }
        }
        note(values, decisions, loss(values, weights));
        return Tensor.of(gradient, account.shape());
    }

    /** How the mixtures are run on a batch: a document without targets is padding, or teaches nothing. */
    Mixing mixing(Batch batch) {
        boolean[] counted = new boolean[batch.targets().length];
        boolean all = true;
        for (int from = 0; from < counted.length;) {
            int to = from;
            boolean learnt = false;
            while (to < counted.length && to / batch.seq() == from / batch.seq() && batch.documents()[to] == batch.documents()[from]) {
                learnt |= batch.targets()[to++] != Batch.NO_TARGET;
            }
            Arrays.fill(counted, from, to, learnt);
            all &= learnt;
            from = to;
        }
        return new Mixing(all ? null : counted, how.capacity(), how.zLoss() > 0);
    }

    /** Of what the last part gave, to each of it. @param stream the gradient of the stream */
    Tensor[] gradients(Tensor stream, Tensor[] flow, long count) {
        Tensor balance = gradient(flow[1], count);
        return flow.length < 3 ? new Tensor[] {stream, balance} : new Tensor[] {stream, balance, extra(flow[1], flow[2], count)};
    }

    private Tensor extra(Tensor account, Tensor extra, long count) {
        double decisions = Math.max(1, decisions(account.toFloats()));
        float[] values = extra.toFloats();
        float[] gradient = new float[values.length];
        for (int layer = 0; layer < layers; layer++) {
            gradient[layer * EXTRA] = (float) (how.zLoss() * count / decisions);
            squares += values[layer * EXTRA] / decisions;
            choicesDropped += values[layer * EXTRA + 1];
            tokensDropped += values[layer * EXTRA + 2];
        }
        return Tensor.of(gradient, extra.shape());
    }

    /** Moves the corrections of experts by the sign of what they lack of an equal share of all ranks' choices, since this was last done. */
    void correct(Network network, Ranks ranks) {
        if (how.correction() > 0) {
            System.arraycopy(ranks.sum("choices of experts", loads), 0, loads, 0, loads.length);
        }
        try (var off = NoGrad.open(); var scope = TensorScope.open()) {
            for (int layer = 0; layer < layers && how.correction() > 0; layer++) {
                var weight = network.table().find(Role.CORRECTION, layer);
                if (weight.isEmpty()) {
                    continue;
                }
                double mean = Arrays.stream(loads, layer * experts.count(), (layer + 1) * experts.count()).average().orElse(0);
                float[] step = new float[experts.count()];
                for (int expert = 0; expert < step.length; expert++) {
                    step[expert] = (float) (how.correction() * Math.signum(mean - loads[layer * experts.count() + expert]));
                }
                network.parameters().get(weight.get().name()).add_(Tensor.of(step, step.length));
            }
        }
        Arrays.fill(loads, 0);
    }

    /** By layer and expert, what a unit of the expert's probabilities adds to the loss. */
    private double[] weights(float[] values, double decisions) {
        // a batch in which no token counts asks nothing of anyone
        double scale = experts.count() / Math.max(1, decisions * decisions);
        double[] weights = new double[layers * experts.count()];
        for (int expert = 0; expert < experts.count(); expert++) {
            double together = sum(values, counted, expert);
            for (int layer = 0; layer < layers; layer++) {
                weights[layer * experts.count() + expert] = switch (how.over()) {
                    // every mixture sees all tokens: decisions / mixtures of them
                    case LAYER -> scale * mixtures * values[at(layer, counted, expert)];
                    case NETWORK -> scale * together;
                };
            }
        }
        return weights;
    }

    private void note(float[] values, double decisions, double lossHere) {
        for (int layer = 0; layer < layers; layer++) {
            for (int expert = 0; expert < experts.count(); expert++) {
                chosen[layer * experts.count() + expert] += values[at(layer, 0, expert)];
                loads[layer * experts.count() + expert] += values[at(layer, 0, expert)];
                entropy += values[at(layer, 2, expert)];
            }
        }
        tokens += decisions;
        loss += lossHere;
        batches++;
    }

    /**
     * What the routers did since this was last asked: the balance loss, the mean entropy of their distributions in nats, each expert's share of the tokens'
     * choices over all layers, and the least share that any expert of any layer has. An equal share is 1 / experts.
     */
    Map<String, Number> observed() {
        Map<String, Number> seen = new LinkedHashMap<>();
        if (batches == 0) {
            return seen;
        }
        seen.put("balance_loss", loss / batches);
        seen.put("router_entropy", entropy / Math.max(1, tokens));
        double all = Math.max(1, tokens) * experts.chosen();
        double least = 1;
        for (int expert = 0; expert < experts.count(); expert++) {
            double share = 0;
            for (int layer = 0; layer < layers; layer++) {
                share += chosen[layer * experts.count() + expert] / all;
                least = mixture[layer] ? Math.min(least, chosen[layer * experts.count() + expert] * mixtures / all) : least;
            }
            seen.put("expert_share_" + expert, share);
        }
        seen.put("expert_share_least", least);
        if (how.zLoss() > 0) {
            seen.put("router_z_loss", squares / batches);
        }
        if (how.capacity() > 0) {
            seen.put("choices_dropped", choicesDropped);
            seen.put("tokens_dropped", tokensDropped);
        }
        squares = 0;
        choicesDropped = 0;
        tokensDropped = 0;
        Arrays.fill(chosen, 0);
        tokens = 0;
        entropy = 0;
        loss = 0;
        batches = 0;
        return seen;
    }

    /** Of a row of the account, over all layers. */
    private double sum(float[] values, int row, int expert) {
        double sum = 0;
        for (int layer = 0; layer < layers; layer++) {
            sum += values[at(layer, row, expert)];
        }
        return sum;
    }

    /** Tokens times layers. */
    private double decisions(float[] values) {
        double sum = 0;
        for (int expert = 0; expert < experts.count(); expert++) {
            sum += sum(values, 0, expert);
        }
        return sum / experts.chosen();
    }

    private int at(int layer, int row, int expert) {
        return (layer * rows + row) * experts.count() + expert;
    }
}
