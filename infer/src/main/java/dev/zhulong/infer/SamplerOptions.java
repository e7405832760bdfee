package dev.zhulong.infer;

/**
 * How the next token is drawn from the logits; {@link Sampler} states the order of the steps.
 *
 * @param temperature       divides the logits; 0 takes the most likely token (greedy)
 * @param topK              keeps the k most likely tokens; 0 keeps all
 * @param topP              keeps the smallest set of most likely tokens whose probability reaches p, never less than one (Holtzman et al.
 *                          2020, nucleus sampling); 1 keeps all
 * @param minP              keeps tokens at least this share as likely as the most likely one (Nguyen et al. 2024); 0 keeps all
 * @param repetitionPenalty divides positive and multiplies negative logits of tokens already in the sequence, the prompt included (Keskar
 *                          et al. 2019, CTRL); 1 changes nothing
 * @param seed              of the random stream
 */
public record SamplerOptions(double temperature, int topK, double topP, double minP, double repetitionPenalty, long seed) {
    /** Plain sampling from the model's own distribution, seed 0. */
    public static final SamplerOptions DEFAULT = new SamplerOptions(1, 0, 1, 0, 1, 0);

    /** The most likely token every time. */
    public static final SamplerOptions GREEDY = DEFAULT.withTemperature(0);

    public SamplerOptions {
        // Negated comparisons, so that NaN fails them too.
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
        if (!(repetitionPenalty > 0 && repetitionPenalty < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException("repetition penalty must be a positive number (1 is off), found " + repetitionPenalty);
        }
    }

    /** Whether the most likely token is taken every time. */
    public boolean greedy() {
        return temperature == 0;
    }

    public SamplerOptions withTemperature(double value) {
        return new SamplerOptions(value, topK, topP, minP, repetitionPenalty, seed);
    }

    public SamplerOptions withTopK(int value) {
        return new SamplerOptions(temperature, value, topP, minP, repetitionPenalty, seed);
    }

    public SamplerOptions withTopP(double value) {
        return new SamplerOptions(temperature, topK, value, minP, repetitionPenalty, seed);
    }

    public SamplerOptions withMinP(double value) {
        return new SamplerOptions(temperature, topK, topP, value, repetitionPenalty, seed);
    }

    public SamplerOptions withRepetitionPenalty(double value) {
        return new SamplerOptions(temperature, topK, topP, minP, value, seed);
    }

    public SamplerOptions withSeed(long value) {
        return new SamplerOptions(temperature, topK, topP, minP, repetitionPenalty, value);
    }
}
