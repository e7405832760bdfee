package dev.zhulong.evaluate;

/**
 * What predicting some text cost.
 *
 * @param nll    sum of the negative log-likelihoods of the scored tokens, in nats
 * @param tokens number of scored tokens
 * @param bytes  length of the scored text in UTF-8
 */
public record TokenLoss(double nll, long tokens, long bytes) {
    public TokenLoss {
        if (tokens < 1) {
            throw new IllegalArgumentException("there is no token to score: the text is empty, or one token without BOS before it");
        }
    }

    /** Nats a token. */
    public double meanNll() {
        return nll / tokens;
    }

    /** {@code exp(meanNll)}: depends on the tokenizer, so only compares models that share one. */
    public double perplexity() {
        return Math.exp(meanNll());
    }

    /** Bits of the whole over bytes of the whole: compares across tokenizers. */
    public double bitsPerByte() {
        return nll / Math.log(2) / bytes;
    }
}
