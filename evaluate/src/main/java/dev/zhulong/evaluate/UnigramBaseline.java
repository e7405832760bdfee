package dev.zhulong.evaluate;

import dev.zhulong.text.Tokenizer;

/**
 * The model that knows how often each token occurs and nothing else: {@code p(id) = (count + k) / (total + k * vocab)}, additive smoothing
 * (Lidstone; Laplace for k = 1) over the whole vocabulary, so that no token is impossible. What a real model must beat.
 */
public final class UnigramBaseline {
    private final long[] counts;
    private final double smoothing;
    private long total;

    /**
     * A baseline that has seen nothing yet, by which all ids are equally likely.
     *
     * @param vocabSize the tokenizer's largest id plus one
     * @param smoothing k, positive; 1 adds one to every count
     */
    public UnigramBaseline(int vocabSize, double smoothing) {
        if (vocabSize < 1 || !(smoothing > 0 && smoothing < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException("a unigram baseline needs a vocabulary and a positive smoothing, found " + vocabSize
                    + " and " + smoothing);
        }
        counts = new long[vocabSize];
        this.smoothing = smoothing;
    }

    /** Counts the tokens of a training document. */
    public void add(int[] ids) {
        for (int id : ids) {
            if (id < 0 || id >= counts.length) {
                throw new IllegalArgumentException("token id " + id + " is outside the vocabulary of " + counts.length);
            }
            counts[id]++;
        }
        total += ids.length;
    }

    /** Negative log-likelihood of a token, in nats. */
    public double nll(int id) {
        return Math.log(total + smoothing * counts.length) - Math.log(counts[id] + smoothing);
    }

    /**
     * Loss over held-out documents: of exactly the tokens and bytes that {@link Perplexity} scores for the same documents.
     *
     * @param bos as in {@link PerplexityOptions}: whether the first token of a document is scored
     */
    public TokenLoss evaluate(Iterable<TokenDocument> documents, Tokenizer tokenizer, boolean bos) {
        double nll = 0;
        long tokens = 0;
        long bytes = 0;
        for (TokenDocument document : documents) {
            int[] sequence = document.sequence(tokenizer, bos);
            for (int i = 1; i < sequence.length; i++) {
                nll += nll(sequence[i]);
                tokens++;
            }
            bytes += document.scoredBytes(tokenizer, bos);
        }
        return new TokenLoss(nll, tokens, bytes);
    }
}
