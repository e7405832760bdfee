package dev.zhulong.train;

import dev.zhulong.data.pack.ContrastBatch;
import dev.zhulong.data.pack.EncoderBatch;
import dev.zhulong.model.Encoder;
import dev.zhulong.model.Pass;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.util.Arrays;

/** What is minimised over the vectors of a batch of texts, all of which are read at once. */
public abstract sealed class VectorObjective implements Objective<ContrastBatch> permits Contrast, VectorDistillation {
    private final Encoder model;

    /** @param model without a head */
    VectorObjective(Encoder model) {
        this.model = model;
    }

    /** The summed loss, of the last layer's states {@code [texts, tokens, hidden]}. */
    abstract Tensor sum(Tensor states, ContrastBatch batch);

    /** What the sum is divided by. */
    abstract long counted(ContrastBatch batch);

    @Override
    public Loss accumulate(ContrastBatch batch, boolean recompute) {
        try (var scope = TensorScope.open()) {
            Loss[] loss = new Loss[1];
            EncoderBatch texts = batch.texts();
            Backward.through(model, model.inputs(texts.ids(), texts.types(), texts.rows()), pass(texts), recompute, flow -> {
                Tensor states = flow[0].requiresGrad(true);
                Tensor sum = sum(states, batch);
                loss[0] = new Loss(sum.item(), counted(batch), 0);
                sum.backward();
                return new Tensor[] {states.grad()};
            });
            return loss[0];
        }
    }

    @Override
    public Loss evaluate(ContrastBatch batch) {
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            EncoderBatch texts = batch.texts();
            Tensor states = model.run(model.inputs(texts.ids(), texts.types(), texts.rows()), pass(texts))[0];
            return new Loss(sum(states, batch).item(), counted(batch), 0);
        }
    }

    private Pass pass(EncoderBatch texts) {
        return model.pass(texts.ids(), texts.visible(), texts.globals(), texts.rows());
    }

    @Override
    public long tokens(ContrastBatch batch) {
        return Arrays.stream(batch.texts().lengths()).sum();
    }
}
