package dev.zhulong.train;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.Head;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;

/** Whose distributions of the next token a student learns. */
@FunctionalInterface
public interface TokenTeacher {
    /** Logits of a batch, a few rows at a time: those of all rows need not be there together. */
    @FunctionalInterface
    interface Rows {
        /** Logits [n, vocab] of the rows of these numbers. */
        Tensor logits(int[] rows);
    }

    /**
     * Reads a batch.
     *
     * @return usable until the scope closes that was open when this was called
     */
    Rows of(Batch batch);

    /** A model that stays as it is, and its owner's. */
    static TokenTeacher of(Decoder model) {
        return batch -> {
            try (var off = NoGrad.open()) {
                Tensor hidden = model.hidden(Tensor.of(batch.tokens(), batch.batch(), batch.seq()), BatchContext.of(model, batch)).view((long) batch.batch() * batch.seq(), -1);
                Head head = model.head();
                return rows -> {
                    try (var still = NoGrad.open()) {
                        return head.logits(hidden.indexSelect(0, Tensor.of(rows, rows.length)));
                    }
                };
            }
        };
    }
}
