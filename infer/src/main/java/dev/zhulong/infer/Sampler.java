package dev.zhulong.infer;

import dev.zhulong.infer.SamplerOptions.Penalties;
import java.util.BitSet;
import java.util.Map;

/**
 * Draws the tokens of one sequence. The steps, in this order:
 *
 * <ol>
 *   <li>the mask of a constraint forbids tokens;
 *   <li>logit bias, repetition penalty, frequency and presence penalties;
 *   <li>temperature 0 takes the most likely token here and draws nothing; another one divides the logits;
 *   <li>top-k; top-p over what top-k kept; min-p; typical over what those kept. Or mirostat in their place;
 *   <li>draw.
 * </ol>
 *
 * <p>Equal logits rank by lowest id first. Only ids below the tokenizer's vocabulary size take part: padding rows of the head are never
 * sampled and never in a softmax. Each sequence has its own random stream; the same seed, sequence number and logits give the same tokens.
 * Not safe for several threads.
 */
public final class Sampler {
    /** How many of the best tokens top-p puts in order first; it goes on if their probability does not reach p. */
    private static final int FIRST_LOOK = 256;

    private final SamplerOptions options;
    private final int vocabSize;
    private final RandomStream random;
    private final BitSet seen = new BitSet();
    private final BitSet generated = new BitSet();
    private final int[] counts;
    private final float[] scores;
    private final Ranking ranking;
    private final Ranking typical;
    private final double[] weights;
    private double surpriseBound;

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
        for (int id : options.logitBias().keySet()) {
            if (id >= vocabSize) {
                throw new IllegalArgumentException("the logit bias names token " + id + ", the vocabulary ends at " + (vocabSize - 1));
            }
        }
        this.options = options;
        this.vocabSize = vocabSize;
        this.random = new RandomStream(options.seed(), sequence);
        this.scores = new float[vocabSize];
        Penalties penalties = options.penalties();
        this.counts = new int[penalties.frequency() != 0 || penalties.presence() != 0 ? vocabSize : 0];
        boolean types = !options.greedy() && options.typicalP() < 1;
        boolean ranks = !options.greedy() && (options.topK() > 0 || options.topP() < 1 || types);
        this.ranking = new Ranking(ranks ? vocabSize : 0);
        this.typical = new Ranking(types ? vocabSize : 0);
        this.weights = new double[options.greedy() ? 0 : vocabSize];
        this.surpriseBound = 2 * options.mirostat().tau();
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
        return next(logits, null);
    }

    /**
     * The next token of the sequence among those allowed.
     *
     * @param allowed a bit for each id, in the order of {@link java.util.BitSet#toLongArray}; null allows all
     */
    public int next(float[] logits, long[] allowed) {
        int count = Math.min(vocabSize, logits.length);
        System.arraycopy(logits, 0, scores, 0, count);
        if (allowed != null) {
            mask(count, allowed);
        }
        bias(count);
        penalise(count);
        int best = best(count);
        int id = options.greedy() ? best : draw(count, best);
        seen.set(id);
        if (counts.length > 0) {
            generated.set(id);
            counts[id]++;
        }
        return id;
    }

    private void mask(int count, long[] allowed) {
        for (int id = 0; id < count; id++) {
            if ((allowed[id >> 6] >>> id & 1) == 0) {
                scores[id] = Float.NEGATIVE_INFINITY;
            }
        }
    }

    private void bias(int count) {
        for (Map.Entry<Integer, Double> entry : options.logitBias().entrySet()) {
            if (entry.getKey() < count) {
                scores[entry.getKey()] += entry.getValue().floatValue();
            }
        }
    }

    private void penalise(int count) {
        Penalties penalties = options.penalties();
        float penalty = (float) penalties.repetition();
        if (penalty != 1) {
            for (int id = seen.nextSetBit(0); id >= 0 && id < count; id = seen.nextSetBit(id + 1)) {
                scores[id] = scores[id] > 0 ? scores[id] / penalty : scores[id] * penalty;
            }
        }
        for (int id = generated.nextSetBit(0); id >= 0 && id < count; id = generated.nextSetBit(id + 1)) {
            scores[id] -= (float) (penalties.frequency() * counts[id] + penalties.presence());
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

    private int draw(int count, int best) {
        float max = scores[best];
        if (options.mirostat().on()) {
            return drawBySurprise(count, best);
        }
        if (ranking.capacity() == 0) {
            return drawFromAll(count, max);
        }
        ranking.fill(scores, count);
        if (options.topK() > 0) {
            ranking.keep(options.topK());
        }
        if (options.topP() < 1) {
            double total = 0;
            for (int rank = 0; rank < ranking.size(); rank++) {
                total += weight(ranking.id(rank), max);
            }
            ranking.keep(nucleus(ranking, options.topP() * total, max));
        }
        double total = 0;
        for (int rank = 0; rank < ranking.size(); rank++) {
            total += weights[rank] = likely(weight(ranking.id(rank), max));
        }
        return options.typicalP() < 1 ? drawTypical(total, max) : ranking.id(pick(ranking.size(), total));
    }

    private int drawFromAll(int count, float max) {
        double total = 0;
        for (int id = 0; id < count; id++) {
            total += weights[id] = likely(weight(id, max));
        }
        return pick(count, total);
    }

    /** From the ranked tokens, whose {@code weights} sum to {@code total}, those nearest to the entropy. */
    private int drawTypical(double total, float max) {
        double entropy = 0;
        for (int rank = 0; rank < ranking.size(); rank++) {
            double p = weights[rank] / total;
            entropy -= p > 0 ? p * Math.log(p) : 0;
        }
        typical.clear();
        for (int rank = 0; rank < ranking.size(); rank++) {
            if (weights[rank] > 0) {
                typical.add(ranking.id(rank), (float) -Math.abs(-Math.log(weights[rank] / total) - entropy));
            }
        }
        typical.keep(nucleus(typical, options.typicalP() * total, max));
        double kept = 0;
        for (int rank = 0; rank < typical.size(); rank++) {
            kept += weights[rank] = weight(typical.id(rank), max);
        }
        return typical.id(pick(typical.size(), kept));
    }

    /** Mirostat: the bound starts at twice the target and moves by the error of each draw. */
    private int drawBySurprise(int count, int best) {
        double total = 0;
        for (int id = 0; id < count; id++) {
            total += weights[id] = weight(id, scores[best]);
        }
        double least = total * Math.pow(2, -surpriseBound);
        double kept = 0;
        double chosen = weights[best];
        int id = best;
        if (chosen >= least) {
            for (int i = 0; i < count; i++) {
                kept += weights[i] = weights[i] >= least ? weights[i] : 0;
            }
            id = pick(count, kept);
            chosen = weights[id];
        }
        double surprise = -Math.log(chosen / total) / Math.log(2);
        surpriseBound -= options.mirostat().eta() * (surprise - options.mirostat().tau());
        return id;
    }

    /** How many of the best tokens it takes to reach {@code mass}; they are in order afterwards. */
    private int nucleus(Ranking ranked, double mass, float max) {
        int ordered = 0;
        double sum = 0;
        while (ordered < ranked.size()) {
            int look = Math.min(ranked.size(), ordered == 0 ? FIRST_LOOK : ordered * 8);
            ranked.order(look);
            for (int rank = ordered; rank < look; rank++) {
                sum += weight(ranked.id(rank), max);
                if (sum >= mass) {
                    return rank + 1;
                }
            }
            ordered = look;
        }
        return ranked.size();
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
