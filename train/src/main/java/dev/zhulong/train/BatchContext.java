package dev.zhulong.train;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.model.Pass;
import dev.zhulong.model.Decoder;
import dev.zhulong.tensor.Tensor;

/** What the tokens of a batch see of one another. */
final class BatchContext {
    private BatchContext() {}

    static Pass of(Decoder model, Batch batch) {
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
