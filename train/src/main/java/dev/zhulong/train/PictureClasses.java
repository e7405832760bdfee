package dev.zhulong.train;

import dev.zhulong.data.pack.PictureBatch;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.EncoderSpec.Problem;
import dev.zhulong.model.VisionEncoder;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;

/** The cross-entropy of the class that a head over pictures gives each of them. */
public final class PictureClasses implements Objective<PictureBatch> {
    private static final Unit UNIT = new Unit("nats", "picture");

    private final VisionEncoder model;

    /** @throws IllegalArgumentException where the network has no head, or one of which several classes may be right */
    public PictureClasses(VisionEncoder model) {
        if (!(model.spec().head() instanceof Head.Classes classes) || classes.problem() != Problem.SINGLE_LABEL) {
            throw new IllegalArgumentException("pictures are trained on one class each (problem_type single_label_classification), and this network has no such head");
        }
        this.model = model;
    }

    @Override
    public Loss accumulate(PictureBatch batch, boolean recompute) {
        try (var scope = TensorScope.open()) {
            Loss[] loss = new Loss[1];
            Tensor pixels = pixels(batch);
            Backward.through(model, new Tensor[] {pixels}, model.pass(pixels), recompute, flow -> {
                Tensor states = flow[0].requiresGrad(true);
                Tensor sum = sum(states, batch);
                loss[0] = new Loss(sum.item(), batch.rows(), 0);
                sum.backward();
                return new Tensor[] {states.grad()};
            });
            return loss[0];
        }
    }

    @Override
    public Loss evaluate(PictureBatch batch) {
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            return new Loss(sum(model.states(pixels(batch)), batch).item(), batch.rows(), 0);
        }
    }

    private Tensor pixels(PictureBatch batch) {
        return model.pixels(batch.pixels(), batch.rows(), batch.height(), batch.width());
    }

    private Tensor sum(Tensor states, PictureBatch batch) {
        return model.logits(states).logSoftmax(-1).gather(1, Tensor.of(batch.labels(), batch.rows(), 1)).sum().neg();
    }

    @Override
    public Unit unit() {
        return UNIT;
    }

    /** Patches. */
    @Override
    public long tokens(PictureBatch batch) {
        int size = model.spec().patches().size();
        return (long) batch.rows() * (batch.height() / size) * (batch.width() / size);
    }
}
