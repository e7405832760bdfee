package dev.zhulong.infer;

import java.util.BitSet;

/**
 * Draws the tokens of one sequence. The steps, in this order: repetition penalty, temperature, top-k, top-p over what top-k kept, min-p,
 * draw. Temperature 0 takes the most likely token after the penalty and draws nothing. Equal logits rank by lowest id first.
 *
 * <p>Only ids below the tokenizer's vocabulary size take part: padding rows of the head are never sampled and never in a softmax.
 * Each sequence has its own random stream; the same seed, sequence number and logits give the same tokens. Not safe for several threads.
 */
public final class Sampler {
    /** How many of the best tokens top-p puts in order first; it goes on if their probability does not reach p. */
    private static final int FIRST_LOOK = 256;

    private final SamplerOptions options;
    private final int vocabSize;
    private final RandomStream random;
    private final BitSet seen = new BitSet();
    private final float[] scores;
    private final Ranking ranking;
    private final double[] weights;

    /**
     * A sampler for one sequence.
     *
     * @param vocabSize the tokenizer's largest id plus one; logits at and above it are ignored
     * @param sequence  number of the sequence among those that share the seed
     */
    public Sampler(SamplerOptions options, int vocabSize, long sequence) {
        if (vocabSize < 1) {
            throw new IllegalArgumentException("sampling needs a vocabulary of at least one token, found " + vocabSize);
        }
        this.options = options;
        this.vocabSize = vocabSize;
        this.random = new RandomStream(options.seed(), sequence);
        this.scores = new float[vocabSize];
        boolean ranks = !options.greedy() && (options.topK() > 0 || options.topP() < 1);
        this.ranking = new Ranking(ranks ? vocabSize : 0);
        this.weights = new double[options.greedy() ? 0 : vocabSize];
    }

    /** Tells the sampler of tokens that are in the sequence without having been drawn: the prompt. */
    public void see(int[] ids) {
        for (int id : ids) {
            seen.set(id);
        }
    }

    /**
     * The next token of the sequence.
     *
     * @param logits {@code [vocab]}, not changed; negative infinity forbids a token
     * @throws IllegalStateException if a logit is NaN or positive infinity, or every token is forbidden
     */
    public int next(float[] logits) {
        int count = Math.min(vocabSize, logits.length);
        System.arraycopy(logits, 0, scores, 0, count);
        penalise(count);
        int best = best(count);
        int id = options.greedy() ? best : draw(count, scores[best]);
        seen.set(id);
        return id;
    }

    private void penalise(int count) {
        float penalty = (float) options.repetitionPenalty();
        if (penalty == 1) {
            return;
        }
        for (int id = seen.nextSetBit(0); id >= 0 && id < count; id = seen.nextSetBit(id + 1)) {
            scores[id] = scores[id] > 0 ? scores[id] / penalty : scores[id] * penalty;
        }
    }

    private int best(int count) {
        int best = -1;
        float top = Float.NEGATIVE_INFINITY;
        for (int id = 0; id < count; id++) {
            float score = scores[id];
            if (!(score <= top)) { // NaN comes in here too
                if (!(score < Float.POSITIVE_INFINITY)) {
                    throw new IllegalStateException("logit of token " + id + " is " + score
                            + ": the model's weights or its arithmetic are broken, nothing can be sampled from it");
                }
                best = id;
                top = score;
            }
        }
        if (best < 0) {
            throw new IllegalStateException("all " + count + " tokens are forbidden (logits of negative infinity)");
        }
        return best;
    }

    private int draw(int count, float max) {
        if (ranking.capacity() == 0) {
            return drawFromAll(count, max);
        }
        ranking.fill(scores, count);
        if (options.topK() > 0) {
            ranking.keep(options.topK());
        }
        double total = 0;
        for (int rank = 0; rank < ranking.size(); rank++) {
            total += weight(ranking.id(rank), max);
        }
        if (options.topP() < 1) {
            ranking.keep(nucleus(options.topP() * total, max));
        }
        total = 0;
        for (int rank = 0; rank < ranking.size(); rank++) {
            total += weights[rank] = likely(weight(ranking.id(rank), max));
        }
        return ranking.id(pick(ranking.size(), total));
    }

    private int drawFromAll(int count, float max) {
        double total = 0;
        for (int id = 0; id < count; id++) {
            total += weights[id] = likely(weight(id, max));
        }
        return pick(count, total);
    }

    /** How many of the best tokens it takes to reach {@code mass}; they are in order afterwards. */
    private int nucleus(double mass, float max) {
        int ordered = 0;
        double sum = 0;
        while (ordered < ranking.size()) {
            int look = Math.min(ranking.size(), ordered == 0 ? FIRST_LOOK : ordered * 8);
            ranking.order(look);
            for (int rank = ordered; rank < look; rank++) {
                sum += weight(ranking.id(rank), max);
                if (sum >= mass) {
                    return rank + 1;
                }
            }
            ordered = look;
        }
        return ranking.size();
    }

    /** Probability relative to the most likely token. */
    private double weight(int id, float max) {
        return Math.exp(((double) scores[id] - max) / options.temperature());
    }

    private double likely(double weight) {
        return weight >= options.minP() ? weight : 0;
    }

    private int pick(int count, double total) {
        double left = random.next() * total;
        int last = -1;
        for (int i = 0; i < count; i++) {
            if (weights[i] > 0) {
                last = i;
                left -= weights[i];
                if (left < 0) {
                    return i;
                }
            }
        }
        return last; // the last one with weight, where rounding left a crumb
    }
}
