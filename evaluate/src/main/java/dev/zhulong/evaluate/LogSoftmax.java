package dev.zhulong.evaluate;

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
        if (target < 0 || target >= vocab) {
            throw new IllegalArgumentException("token id " + target + " is outside the vocabulary of " + vocab
                    + ": the text was encoded by another tokenizer than the model's");
        }
        float max = Float.NEGATIVE_INFINITY;
        for (int i = offset; i < offset + vocab; i++) {
            max = Math.max(max, logits[i]);
        }
        if (!Float.isFinite(max)) {
            throw new IllegalStateException("the model's logits hold NaN or infinity: its weights or its arithmetic are broken");
        }
        double sum = 0;
        for (int i = offset; i < offset + vocab; i++) {
            sum += Math.exp((double) logits[i] - max);
        }
        return Math.log(sum) + max - logits[offset + target];
    }
}
