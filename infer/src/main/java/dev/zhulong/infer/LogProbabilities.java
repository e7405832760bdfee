package dev.zhulong.infer;

import dev.zhulong.infer.TokenLogProbs.Entry;
import java.util.ArrayList;

/** Log-probabilities of one sequence's tokens, from logits as the model gave them. */
final class LogProbabilities {
    private final int vocabSize;
    private final int most;
    private final Ranking ranking;

    /**
     * @param vocabSize the tokenizer's; logits at and above it belong to no token
     * @param top       how many of the likeliest tokens to name
     */
    LogProbabilities(int vocabSize, int top) {
        this.vocabSize = vocabSize;
        this.most = top;
        this.ranking = new Ranking(top > 0 ? vocabSize : 0);
    }

    /** Of the token {@code id}, drawn after these logits. */
    TokenLogProbs of(float[] logits, int id) {
        int count = Math.min(vocabSize, logits.length);
        double shift = LogSumExp.of(logits, 0, count);
        var top = new ArrayList<Entry>();
        if (most > 0) {
            ranking.fill(logits, count);
            int named = Math.min(most, ranking.size());
            ranking.order(named);
            for (int rank = 0; rank < named; rank++) {
                top.add(new Entry(ranking.id(rank), logits[ranking.id(rank)] - shift));
            }
        }
        return new TokenLogProbs(new Entry(id, logits[id] - shift), top);
    }
}
