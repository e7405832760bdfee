package dev.zhulong.train;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.model.Context;
import dev.zhulong.model.Decoder;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;

/** Cross-entropy of the next token. */
public final class NextToken implements Objective {
    @Override
    public Loss accumulate(Decoder model, Batch batch, boolean recompute) {
        try (var scope = TensorScope.open()) {
            long rows = (long) batch.batch() * batch.seq();
            HeadLoss[] loss = new HeadLoss[1];
            Backward.through(model, Tensor.of(batch.tokens(), batch.batch(), batch.seq()), context(model, batch), recompute, hidden -> {
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
            Tensor hidden = model.hidden(Tensor.of(batch.tokens(), batch.batch(), batch.seq()), context(model, batch));
            return HeadLoss.of(hidden.view(rows, -1), model.headWeight(), batch.targets());
        }
    }

    private static Context context(Decoder model, Batch batch) {
        if (eachRowIsOneDocument(batch)) {
            return model.causal(batch.seq());
        }
        return model.packed(
                Tensor.of(batch.positions(), batch.batch(), batch.seq()), Tensor.of(batch.documents(), batch.batch(), batch.seq()));
    }

    /** Then plain causal attention says the same and needs no mask. */
    private static boolean eachRowIsOneDocument(Batch batch) {
        for (int i = 0; i < batch.positions().length; i++) {
            if (batch.positions()[i] != i % batch.seq()) {
                return false;
            }
        }
        return true;
    }
}
