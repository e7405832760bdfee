package dev.zhulong.train;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.model.Decoder;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;

/** Cross-entropy of the next token. */
public final class NextToken implements Objective {
    /** Unit of its loss. */
    public static final String UNIT = "nats a token";

    @Override
    public Loss accumulate(Decoder model, Batch batch, boolean recompute) {
        try (var scope = TensorScope.open()) {
            long rows = (long) batch.batch() * batch.seq();
            HeadLoss[] loss = new HeadLoss[1];
            Backward.through(model, Tensor.of(batch.tokens(), batch.batch(), batch.seq()), BatchContext.of(model, batch), recompute, hidden -> {
                loss[0] = HeadLoss.withGradient(hidden.view(rows, -1), model.headWeight(), batch.targets());
                return loss[0].gradient().view(hidden.shape());
            });
            return loss[0].loss();
        }
    }

    @Override
    public Loss evaluate(Decoder model, Batch batch) {
        try (var scope = TensorScope.open();
                var off = NoGrad.open()) {
            long rows = (long) batch.batch() * batch.seq();
            Tensor hidden = model.hidden(Tensor.of(batch.tokens(), batch.batch(), batch.seq()), BatchContext.of(model, batch));
            return HeadLoss.of(hidden.view(rows, -1), model.headWeight(), batch.targets());
        }
    }

    @Override
    public String unit() {
        return UNIT;
    }
}
