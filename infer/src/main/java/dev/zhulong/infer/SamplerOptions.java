package dev.zhulong.infer;

import java.util.Map;

/**
 * How the next token is drawn from the logits; {@link Sampler} states the order of the steps.
 *
 * @param temperature divides the logits; 0 takes the most likely token (greedy)
 * @param topK        keeps the k most likely tokens; 0 keeps all
 * @param topP        keeps the smallest set of most likely tokens whose probability reaches p, never less than one (Holtzman et al. 2020,
 *                    nucleus sampling); 1 keeps all
 * @param minP        keeps tokens at least this share as likely as the most likely one (Nguyen et al. 2024); 0 keeps all
 * @param typicalP    keeps the smallest set of tokens whose information is nearest to the distribution's entropy and whose probability
 *                    reaches p, never less than one (Meister et al. 2023, locally typical sampling); 1 keeps all
 * @param penalties   on tokens that are in the sequence already
 * @param mirostat    holds the surprise of the text at a level, in place of the filters above
 * @param logitBias   added to the logits of these ids before anything else, −100 to 100: with the logits of usual models, which spread
 *                    less, −100 bans a token and 100 writes nothing else
 * @param seed        of the random stream
 */
public record SamplerOptions(double temperature, int topK, double topP, double minP, double typicalP, Penalties penalties,
        Mirostat mirostat, Map<Integer, Double> logitBias, long seed) {
    /** Plain sampling from the model's own distribution, seed 0. */
    public static final SamplerOptions DEFAULT = new SamplerOptions(1, 0, 1, 0, 1, Penalties.NONE, Mirostat.OFF, Map.of(), 0);

    /** The most likely token every time. */
    public static final SamplerOptions GREEDY = DEFAULT.withTemperature(0);

    /**
     * Makes tokens that are in the sequence less likely.
     *
     * @param repetition divides positive and multiplies negative logits of tokens in the prompt or the generated text (Keskar et al. 2019,
     *                   CTRL); 1 changes nothing
     * @param frequency  subtracted from a logit for each time its token was generated (OpenAI's API); 0 changes nothing
     * @param presence   subtracted once from the logit of a token that was generated (OpenAI's API); 0 changes nothing
     */
    public record Penalties(double repetition, double frequency, double presence) {
        public static final Penalties NONE = new Penalties(1, 0, 0);

        public Penalties {
            // Negated comparisons, so that NaN fails them too.
            if (!(repetition > 0 && repetition < Double.POSITIVE_INFINITY)) {
                throw new IllegalArgumentException("repetition penalty must be a positive number (1 is off), found " + repetition);
            }
            checkPenalty("frequency", frequency);
            checkPenalty("presence", presence);
        }

        private static void checkPenalty(String name, double value) {
            if (!(Math.abs(value) <= 100)) {
                throw new IllegalArgumentException(name + " penalty must lie between -100 and 100 (0 is off), found " + value);
            }
        }
    }

    /**
     * Mirostat 2 (Basu et al. 2021): leaves out tokens more surprising than a bound, which follows the surprise of what was drawn.
     *
     * @param tau target surprise, bits a token; 0 turns it off
     * @param eta how fast the bound follows, 0 to 1
     */
    public record Mirostat(double tau, double eta) {
        public static final Mirostat OFF = new Mirostat(0, 0.1);

        public Mirostat {
            if (!(tau >= 0 && tau < Double.POSITIVE_INFINITY)) {
                throw new IllegalArgumentException("mirostat's tau must be 0 (off) or a positive number of bits, found " + tau);
            }
            if (!(eta > 0 && eta <= 1)) {
                throw new IllegalArgumentException("mirostat's eta must lie between 0 and 1, found " + eta);
            }
        }

        public boolean on() {
            return tau > 0;
        }
    }

    public SamplerOptions {
        logitBias = Map.copyOf(logitBias);
        if (!(temperature >= 0 && temperature < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException("temperature must be 0 (greedy) or a positive number, found " + temperature);
        }
        if (topK < 0) {
            throw new IllegalArgumentException("top-k must be 0 (off) or a positive number of tokens, found " + topK);
        }
        if (!(topP >= 0 && topP <= 1)) {
            throw new IllegalArgumentException("top-p must lie between 0 and 1 (off), found " + topP);
        }
        if (!(minP >= 0 && minP <= 1)) {
            throw new IllegalArgumentException("min-p must lie between 0 (off) and 1, found " + minP);
        }
        if (!(typicalP >= 0 && typicalP <= 1)) {
            throw new IllegalArgumentException("typical-p must lie between 0 and 1 (off), found " + typicalP);
        }
        if (mirostat.on() && (topK > 0 || topP < 1 || minP > 0 || typicalP < 1)) {
            throw new IllegalArgumentException("mirostat takes the place of top-k, top-p, min-p and typical-p: turn those off (0, 1, 0, 1)");
        }
        logitBias.forEach((id, bias) -> {
            if (id < 0) {
                throw new IllegalArgumentException("a logit bias needs a token id of 0 or more, found " + id);
            }
            if (!(Math.abs(bias) <= 100)) {
                throw new IllegalArgumentException("the logit bias of token " + id + " must lie between -100 and 100, found " + bias);
            }
        });
    }

    /** Whether the most likely token is taken every time. */
    public boolean greedy() {
        return temperature == 0;
    }

    public SamplerOptions withTemperature(double value) {
        return new SamplerOptions(value, topK, topP, minP, typicalP, penalties, mirostat, logitBias, seed);
    }

    public SamplerOptions withTopK(int value) {
        return new SamplerOptions(temperature, value, topP, minP, typicalP, penalties, mirostat, logitBias, seed);
    }

    public SamplerOptions withTopP(double value) {
        return new SamplerOptions(temperature, topK, value, minP, typicalP, penalties, mirostat, logitBias, seed);
    }

    public SamplerOptions withMinP(double value) {
        return new SamplerOptions(temperature, topK, topP, value, typicalP, penalties, mirostat, logitBias, seed);
    }

    public SamplerOptions withTypicalP(double value) {
        return new SamplerOptions(temperature, topK, topP, minP, value, penalties, mirostat, logitBias, seed);
    }

    public SamplerOptions withPenalties(Penalties value) {
        return new SamplerOptions(temperature, topK, topP, minP, typicalP, value, mirostat, logitBias, seed);
    }

    public SamplerOptions withRepetitionPenalty(double value) {
        return withPenalties(new Penalties(value, penalties.frequency, penalties.presence));
    }

    public SamplerOptions withMirostat(Mirostat value) {
        return new SamplerOptions(temperature, topK, topP, minP, typicalP, penalties, value, logitBias, seed);
    }

    public SamplerOptions withLogitBias(Map<Integer, Double> value) {
        return new SamplerOptions(temperature, topK, topP, minP, typicalP, penalties, mirostat, value, seed);
    }

    public SamplerOptions withSeed(long value) {
        return new SamplerOptions(temperature, topK, topP, minP, typicalP, penalties, mirostat, logitBias, value);
    }
}
