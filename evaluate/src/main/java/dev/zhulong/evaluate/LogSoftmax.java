package dev.zhulong.evaluate;

import dev.zhulong.infer.LogSumExp;

/** Log-softmax of one row of float logits, in double. */
public final class LogSoftmax {
    private LogSoftmax() {}

    /**
     * Negative log-likelihood of {@code target}, in nats.
     *
     * @param logits one or more rows
     * @param offset where the row starts
     * @param vocab  how many of the row's logits take part
     */
    public static double nll(float[] logits, int offset, int vocab, int target) {
        return nll(logits, offset, vocab, target, normalizer(logits, offset, vocab));
    }

    /** The same where {@link #normalizer} is known. */
    static double nll(float[] logits, int offset, int vocab, int target, double normalizer) {
        if (target < 0 || target >= vocab) {
            throw new IllegalArgumentException("token id " + target + " is outside the vocabulary of " + vocab
                    + ": the text was encoded by another tokenizer than the model's");
        }
        return normalizer - logits[offset + target];
    }

    /** What a row's logits lose to become log-probabilities. */
    static double normalizer(float[] logits, int offset, int vocab) {
        double all = LogSumExp.of(logits, offset, vocab);
        if (!Double.isFinite(all)) {
            throw new IllegalStateException("the model's logits hold NaN or infinity: its weights or its arithmetic are broken");
        }
        return all;
    }
}
