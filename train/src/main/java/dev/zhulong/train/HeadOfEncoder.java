package dev.zhulong.train;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.data.pack.EncoderBatch;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.model.Encoder;
import dev.zhulong.model.Pass;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * The loss of an encoder's head, as transformers defines it: cross-entropy of masked tokens, of tags and of classes, binary cross-entropy of each class
 * where several may be right, squared errors of numbers, and for answers the mean of the cross-entropies of where they begin and where they end.
 */
public final class HeadOfEncoder implements Objective<EncoderBatch> {
    private final Encoder model;

    /** @throws IllegalArgumentException where the encoder has no head */
    public HeadOfEncoder(Encoder model) {
        if (model.spec().head() instanceof Head.None) {
            throw new IllegalArgumentException("this encoder has no head to train: choose a task");
        }
        this.model = model;
    }

    @Override
    public Loss accumulate(EncoderBatch batch, boolean recompute) {
        try (var scope = TensorScope.open()) {
            Loss[] loss = new Loss[1];
            Backward.through(model, model.inputs(batch.ids(), batch.types(), batch.rows()), pass(batch), recompute,
                    flow -> {
                        Tensor states = flow[0].requiresGrad(true);
                        Tensor sum = sum(states, batch);
                        loss[0] = loss(sum, batch);
                        if (sum == null) {
                            return new Tensor[] {null};
                        }
                        sum.backward();
                        return new Tensor[] {states.grad()};
                    });
            return loss[0];
        }
    }

    @Override
    public Loss evaluate(EncoderBatch batch) {
        try (var scope = TensorScope.open();
                var off = NoGrad.open()) {
            return loss(sum(model.run(model.inputs(batch.ids(), batch.types(), batch.rows()), pass(batch))[0], batch), batch);
        }
    }

    private Pass pass(EncoderBatch batch) {
        return model.pass(batch.ids(), batch.visible(), batch.globals(), batch.rows());
    }

    private Loss loss(Tensor sum, EncoderBatch batch) {
        return new Loss(sum == null ? 0 : sum.item(), count(batch), 0);
    }

    private long count(EncoderBatch batch) {
        return model.spec().head() instanceof Head.Spans ? batch.rows() : batch.supervised();
    }

    /** The summed loss, a scalar; null where nothing is supervised. */
    private Tensor sum(Tensor states, EncoderBatch batch) {
        return switch (model.spec().head()) {
            case Head.MaskedTokens tokens -> ofTokens(states, batch);
            case Head.Tags tags -> ofTokens(states, batch);
            case Head.Classes classes -> switch (classes.problem()) {
                case SINGLE_LABEL -> crossEntropy(model.logits(states, batch.visible()), batch.labels());
                case MULTI_LABEL -> binary(model.logits(states, batch.visible()), batch);
                case REGRESSION -> squares(model.logits(states, batch.visible()), batch);
            };
            case Head.Spans spans -> {
                Tensor logits = model.logits(states, batch.visible());
                yield crossEntropy(logits.select(2, 0), each(batch.labels(), 0)).add(crossEntropy(logits.select(2, 1), each(batch.labels(), 1))).mul(0.5);
            }
            case Head.None none -> throw new IllegalStateException("no head");
        };
    }

    private Tensor ofTokens(Tensor states, EncoderBatch batch) {
        int[] labels = batch.labels();
        long[] at = IntStream.range(0, labels.length).filter(i -> labels[i] != Batch.NO_TARGET).mapToLong(i -> i).toArray();
        if (at.length == 0) {
            return null;
        }
        Tensor supervised = states.view(-1, states.size(2)).indexSelect(0, Tensor.of(at, at.length));
        return crossEntropy(model.logitsOfTokens(supervised), Arrays.stream(at).mapToInt(i -> labels[(int) i]).toArray());
    }

    /** First or last tokens of the answers. */
    private static int[] each(int[] labels, int which) {
        return IntStream.range(0, labels.length / 2).map(row -> labels[2 * row + which]).toArray();
    }

    private static Tensor crossEntropy(Tensor logits, int[] targets) {
        return logits.logSoftmax(-1).gather(1, Tensor.of(targets, targets.length, 1)).sum().neg();
    }

    /** Σ log(1 + eˣ) − x·y, without overflow. */
    private static Tensor binary(Tensor logits, EncoderBatch batch) {
        Tensor right = batch.numbers().length > 0 ? Tensor.of(batch.numbers(), logits.shape()) : Tensor.of(batch.labels(), logits.shape()).to(DType.F32);
        Tensor softplus = logits.abs().neg().exp().add(1).log().add(logits.relu());
        return softplus.sub(logits.mul(right)).sum();
    }

    private static Tensor squares(Tensor logits, EncoderBatch batch) {
        if (batch.numbers().length == 0) {
            throw new IllegalArgumentException("a head that gives numbers (problem_type regression) is trained on numbers, and these labels are ids");
        }
        Tensor apart = logits.sub(Tensor.of(batch.numbers(), logits.shape()));
        return apart.mul(apart).sum();
    }

    @Override
    public Unit unit() {
        return switch (model.spec().head()) {
            case Head.MaskedTokens tokens -> Unit.NATS_A_TOKEN;
            case Head.Tags tags -> Unit.NATS_A_TOKEN;
            case Head.Classes classes -> switch (classes.problem()) {
                case SINGLE_LABEL -> new Unit("nats", "text");
                case MULTI_LABEL -> new Unit("nats", "label");
                case REGRESSION -> new Unit("squared error", "number");
            };
            default -> new Unit("nats", "question");
        };
    }

    @Override
    public long tokens(EncoderBatch batch) {
        return Arrays.stream(batch.lengths()).sum();
    }
}
