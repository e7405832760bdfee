package dev.zhulong.train;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.model.Decoder;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.Arrays;
import java.util.Map;

/**
 * A student learns its teacher's distribution of every next token, rather than the one token that the text has.
 *
 * <p>A loss is a sum of divergences in nats, times T², and while the student learns of what its layers' states cost, where these are compared too: evaluations are of divergences alone. A mixture's routers are not balanced by it.
 */
public final class Distillation implements Objective<Batch> {
    private final Decoder student;
    private final SoftTargets targets;
    private final SoftTargets measured;
    /** Null where states of layers are not compared. */
    private final HiddenStates hiddenStates;

    /**
     * Over a student that is trained.
     *
     * @param targets  what its distributions learn
     * @param measured what evaluations compare them with: an estimate is good enough to learn from, and too coarse to say whether a student that is near its teacher came nearer
     */
    public Distillation(Decoder student, SoftTargets targets, SoftTargets measured) {
        this(student, targets, measured, null);
    }

    /** The same. @param hiddenStates what layers learn besides; null for nothing */
    public Distillation(Decoder student, SoftTargets targets, SoftTargets measured, HiddenStates hiddenStates) {
        this.student = student;
        this.targets = targets;
        this.measured = measured;
        this.hiddenStates = hiddenStates;
    }

    /**
     * From the whole distributions of a teacher.
     *
     * @param temperature that logits of both are divided by, above 0
     */
    public Distillation(Decoder student, TokenTeacher teacher, Divergence divergence, double temperature) {
        this(student, SoftTargets.whole(teacher, divergence, temperature), SoftTargets.whole(teacher, divergence, temperature));
    }

    @Override
    public Loss accumulate(Batch batch, boolean recompute) {
        try (var scope = TensorScope.open()) {
            SoftTargets.OfBatch taught = targets.of(batch);
            Map<Integer, Tensor> states = hiddenStates == null ? Map.of() : hiddenStates.teacher().states(batch);
            double[] sum = new double[1];
            Backward.through(student, new Tensor[] {Tensor.of(batch.tokens(), batch.batch(), batch.seq())}, BatchContext.of(student, batch), recompute, flow -> {
                Tensor hidden = flow[0];
                Tensor gradient = HeadLoss.run(hidden.view((long) batch.batch() * batch.seq(), -1), student.head(), batch.targets(), rows(taught, sum), true);
                return new Tensor[] {gradient.view(hidden.shape())};
            }, (part, given) -> {
                // the first part is the embedding
                HiddenStates.Compared compared = hiddenStates == null ? null : hiddenStates.compare(part - 1, given, states, batch);
                if (compared == null) {
                    return null;
                }
                sum[0] += compared.sum();
                return compared.gradient();
            });
            return loss(sum[0], batch);
        }
    }

    @Override
    public Loss evaluate(Batch batch) {
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            SoftTargets.OfBatch taught = measured.of(batch);
            double[] sum = new double[1];
            Tensor hidden = student.hidden(Tensor.of(batch.tokens(), batch.batch(), batch.seq()), BatchContext.of(student, batch));
            HeadLoss.run(hidden.view((long) batch.batch() * batch.seq(), -1), student.head(), batch.targets(), rows(taught, sum), false);
            if (hiddenStates != null) {
                hiddenStates.teacher().forget();
            }
            return loss(sum[0], batch);
        }
    }

    private static HeadLoss.Rows rows(SoftTargets.OfBatch taught, double[] sum) {
        return (logits, rows, backward) -> {
            Divergence.Rows compared = taught.compare(logits, rows, backward);
            for (float each : compared.each().toFloats()) {
                sum[0] += each;
            }
            return compared.gradient();
        };
    }

    /** A divergence is no number of bits that a text takes, so no bytes are counted. */
    private static Loss loss(double sum, Batch batch) {
        return new Loss(sum, Arrays.stream(batch.targets()).filter(target -> target != Batch.NO_TARGET).count(), 0);
    }

    @Override
    public Unit unit() {
        return Unit.NATS_A_TOKEN;
    }

    @Override
    public long tokens(Batch batch) {
        return batch.tokens().length;
    }
}
