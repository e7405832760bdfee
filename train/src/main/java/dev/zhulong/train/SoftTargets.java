package dev.zhulong.train;

import dev.zhulong.data.pack.Batch;
import dev.zhulong.tensor.Tensor;

/** What a teacher says of the tokens of a text, and how far a student's logits are from it (Hinton et al. 2015). */
@FunctionalInterface
public interface SoftTargets {
    /** Of the rows of a batch. */
    @FunctionalInterface
    interface OfBatch {
        /**
         * Compares.
         *
         * @param logits   of the student [n, vocab]
         * @param rows     their numbers in the batch
         * @param backward whether the gradient is wanted
         */
        Divergence.Rows compare(Tensor logits, int[] rows, boolean backward);
    }

    /** Of a batch; usable until the scope closes that was open when this was called. */
    OfBatch of(Batch batch);

    /**
     * A teacher's whole distributions. Where the two have heads of different heights, as padded vocabularies make them, the rows that both have are compared.
     *
     * @param temperature that logits of both are divided by, above 0
     */
    static SoftTargets whole(TokenTeacher teacher, Divergence divergence, double temperature) {
        requireTemperature(temperature);
        return batch -> {
            TokenTeacher.Rows taught = teacher.of(batch);
            return (logits, rows, backward) -> {
                Tensor of = taught.logits(rows);
                long common = Math.min(logits.size(1), of.size(1));
                return widened(divergence.of(logits.narrow(1, 0, common), of.narrow(1, 0, common), temperature, backward), logits);
            };
        };
    }

    /** @throws IllegalArgumentException where logits cannot be divided by it */
    static void requireTemperature(double temperature) {
        if (!(temperature > 0) || Double.isInfinite(temperature)) {
            throw new IllegalArgumentException("the temperature must be above 0, found " + temperature);
        }
    }

    /** With zeros where a student's head is higher than what was compared. */
    static Divergence.Rows widened(Divergence.Rows compared, Tensor logits) {
        Tensor gradient = compared.gradient();
        if (gradient == null || gradient.size(1) == logits.size(1)) {
            return compared;
        }
        Tensor whole = Tensor.zeros(logits.dtype(), logits.shape());
        whole.narrow(1, 0, gradient.size(1)).copy_(gradient);
        return new Divergence.Rows(compared.each(), whole);
    }
}
