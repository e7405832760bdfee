package dev.zhulong.train;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.model.Pass;
import dev.zhulong.model.Decoder;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;

/**
 * Direct preference optimisation (Rafailov et al. 2023): rows 2n and 2n+1 of a batch hold the better and the worse answer of a pair, their
 * targets the answers' tokens. With Δ the policy's log p(better) − log p(worse) over the summed answers, less the reference's, a pair's loss
 * is {@code −(1−ε)·log σ(β·Δ) − ε·log σ(−β·Δ)} (ε: label smoothing, the share of pairs taken to be labelled wrongly; Mitchell 2023).
 *
 * <p>The reference is the model without its adapter, in the same weights, at every step. A {@link Loss} counts pairs.
 *
 * @param model          the policy, with its adapter on
 * @param beta           how dear it is to leave the reference
 * @param labelSmoothing in [0, 0.5)
 */
public record Dpo(Decoder model, double beta, double labelSmoothing) implements Objective<Batch> {
    public Dpo {
        check(beta, labelSmoothing);
    }

    /** @throws IllegalArgumentException if there is no such objective; names the setting */
    public static void check(double beta, double labelSmoothing) {
        if (!(beta > 0)) {
            throw new IllegalArgumentException("beta must be above 0, found " + beta);
        }
        if (!(labelSmoothing >= 0 && labelSmoothing < 0.5)) {
            throw new IllegalArgumentException("label_smoothing must be in [0, 0.5), found " + labelSmoothing);
        }
    }

    /**
     * Pairs scored.
     *
     * @param loss     summed over the pairs
     * @param accuracy share of the pairs whose better answer the policy prefers more than the reference does
     * @param margin   mean of β·Δ
     */
    public record Score(Loss loss, double accuracy, double margin) {}

    @Override
    public Loss accumulate(Batch batch, boolean recompute) {
        try (var scope = TensorScope.open()) {
            double[] reference = reference(batch);
            Loss[] loss = new Loss[1];
            Backward.through(model, new Tensor[] {ids(batch)}, BatchContext.of(model, batch), recompute, flow -> {
                Tensor hidden = flow[0];
                Tensor rows = hidden.view((long) batch.batch() * batch.seq(), -1);
                double[] delta = delta(answers(HeadLoss.each(rows, model.head(), batch.targets()), batch), reference);
                loss[0] = loss(delta);
                return new Tensor[] {HeadLoss.gradient(rows, model.head(), batch.targets(), weights(delta, batch)).view(hidden.shape())};
            });
            return loss[0];
        }
    }

    @Override
    public Loss evaluate(Batch batch) {
        return loss(delta(batch));
    }

    /** A pair's loss is −log of a probability, so it is in nats too. */
    @Override
    public Unit unit() {
        return new Unit("nats", "pair");
    }

    @Override
    public long tokens(Batch batch) {
        return batch.tokens().length;
    }

    /** All pairs of {@code batches}. */
    public Score score(Iterable<Batch> batches) {
        Loss total = Loss.NONE;
        double right = 0;
        double margin = 0;
        for (Batch batch : batches) {
            double[] delta = delta(batch);
            total = total.plus(loss(delta));
            for (double d : delta) {
                right += d > 0 ? 1 : 0;
                margin += beta * d;
            }
        }
        long pairs = Math.max(1, total.count());
        return new Score(total, right / pairs, margin / pairs);
    }

    private double[] delta(Batch batch) {
        try (var scope = TensorScope.open()) {
            return delta(answers(batch), reference(batch));
        }
    }

    private double[] reference(Batch batch) {
        try (var off = model.withoutAdapter()) {
            return answers(batch);
        }
    }

    private static Tensor ids(Batch batch) {
        if (batch.batch() % 2 != 0) {
            throw new IllegalArgumentException("preference pairs need an even number of rows, found " + batch.batch());
        }
        return Tensor.of(batch.tokens(), batch.batch(), batch.seq());
    }

    private double[] answers(Batch batch) {
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            Pass context = BatchContext.of(model, batch);
            Tensor hidden = model.hidden(ids(batch), context).view((long) batch.batch() * batch.seq(), -1);
            return answers(HeadLoss.each(hidden, model.head(), batch.targets()), batch);
        }
    }

    /** log p of each row's answer. */
    private static double[] answers(double[] nll, Batch batch) {
        double[] sums = new double[batch.batch()];
        for (int i = 0; i < nll.length; i++) {
            sums[i / batch.seq()] -= nll[i];
        }
        return sums;
    }

    private static double[] delta(double[] policy, double[] reference) {
        double[] delta = new double[policy.length / 2];
        for (int pair = 0; pair < delta.length; pair++) {
            delta[pair] = (policy[2 * pair] - policy[2 * pair + 1]) - (reference[2 * pair] - reference[2 * pair + 1]);
        }
        return delta;
    }

    private Loss loss(double[] delta) {
        double sum = 0;
        for (double d : delta) {
            sum += (1 - labelSmoothing) * softplus(-beta * d) + labelSmoothing * softplus(beta * d);
        }
        return new Loss(sum, delta.length, 0);
    }

    /** Of each row's nll: ∂loss/∂log p of the better answer is −β·((1−ε)·σ(−βΔ) − ε·σ(βΔ)), of the worse its opposite. */
    private float[] weights(double[] delta, Batch batch) {
        float[] weights = new float[batch.batch() * batch.seq()];
        for (int i = 0; i < weights.length; i++) {
            int row = i / batch.seq();
            double x = beta * delta[row / 2];
            double pull = beta * ((1 - labelSmoothing) * sigmoid(-x) - labelSmoothing * sigmoid(x));
            weights[i] = (float) (row % 2 == 0 ? pull : -pull);
        }
        return weights;
    }

    private static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }

    /** log(1 + eˣ), without overflow. */
    private static double softplus(double x) {
        return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
    }
}
