package dev.zhulong.train;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.model.Decoder;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.Arrays;

/**
 * A student learns its teacher's distribution of every next token, rather than the one token that the text has. Where the two have heads of different heights, as padded vocabularies
 * make them, the rows that both have are compared.
 *
 * <p>A loss is a sum of divergences in nats, times T². A mixture's routers are not balanced by it.
 */
public final class Distillation implements Objective<Batch> {
    private final Decoder student;
    private final TokenTeacher teacher;
    private final Divergence divergence;
    private final double temperature;

    /**
     * Over a student that is trained.
     *
     * @param temperature that logits of both are divided by, above 0
     */
    public Distillation(Decoder student, TokenTeacher teacher, Divergence divergence, double temperature) {
        if (!(temperature > 0) || Double.isInfinite(temperature)) {
            throw new IllegalArgumentException("the temperature must be above 0, found " + temperature);
        }
        this.student = student;
        this.teacher = teacher;
        this.divergence = divergence;
        this.temperature = temperature;
    }

    @Override
    public Loss accumulate(Batch batch, boolean recompute) {
        try (var scope = TensorScope.open()) {
            TokenTeacher.Rows taught = teacher.of(batch);
            double[] sum = new double[1];
            Backward.through(student, new Tensor[] {Tensor.of(batch.tokens(), batch.batch(), batch.seq())}, BatchContext.of(student, batch), recompute, flow -> {
                Tensor hidden = flow[0];
                Tensor gradient = HeadLoss.run(hidden.view((long) batch.batch() * batch.seq(), -1), student.head(), batch.targets(), rows(taught, sum), true);
                return new Tensor[] {gradient.view(hidden.shape())};
            });
            return loss(sum[0], batch);
        }
    }

    @Override
    public Loss evaluate(Batch batch) {
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            TokenTeacher.Rows taught = teacher.of(batch);
            double[] sum = new double[1];
            Tensor hidden = student.hidden(Tensor.of(batch.tokens(), batch.batch(), batch.seq()), BatchContext.of(student, batch));
            HeadLoss.run(hidden.view((long) batch.batch() * batch.seq(), -1), student.head(), batch.targets(), rows(taught, sum), false);
            return loss(sum[0], batch);
        }
    }

    private HeadLoss.Rows rows(TokenTeacher.Rows taught, double[] sum) {
        return (logits, rows, backward) -> {
            Tensor of = taught.logits(rows);
            long common = Math.min(logits.size(1), of.size(1));
            Divergence.Rows compared = divergence.of(logits.narrow(1, 0, common), of.narrow(1, 0, common), temperature, backward);
            for (float each : compared.each().toFloats()) {
                sum[0] += each;
            }
            if (!backward || common == logits.size(1)) {
                return compared.gradient();
            }
            Tensor whole = Tensor.zeros(logits.dtype(), logits.shape());
            whole.narrow(1, 0, common).copy_(compared.gradient());
            return whole;
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
