package dev.zhulong.compress.ladder;

import dev.zhulong.evaluate.Writing;
import dev.zhulong.evaluate.text.Estimate;

/**
 * How much of the model is left in a smaller one, on the floor's texts.
 *
 * @param perplexity of the model it was made from
 * @param rise       of the loss, in nats a token of that model's: the logarithm of the perplexities' quotient. Texts are compared whole, so that another vocabulary may cut them into other
 *                   tokens
 * @param kl         divergence from the model's probabilities in nats a token, on texts that both cut into the same tokens
 * @param sameTop    share of those tokens for which both have the same likeliest next one
 * @param tokens     of all texts, by the model's own vocabulary
 * @param texts      how many
 * @param alike      of them, cut into the same tokens
 * @param before     what the model writes by itself
 * @param after      what the smaller one writes
 */
public record Fidelity(double perplexity, Estimate rise, Estimate kl, Estimate sameTop, long tokens, int texts, int alike, Writing before, Writing after) {
    /** More of what is written may be repetition, and fewer texts may come to an end, than of the model's, times this ... */
    private static final double FACTOR = 1.1;
    /** ... and this, as a few texts tell no more. */
    private static final double MORE = 0.05;

    /** Whether it is at or above a floor: neither perplexity nor exp(KL) rises by more, by the upper ends of their intervals, and it writes as before. */
    boolean keeps(double floor) {
        return quality() <= floor && writesAsBefore();
    }

    /** The larger of what perplexity and exp(KL) may have risen by, as a share of 1. */
    double quality() {
        return Math.max(Math.expm1(upper(rise)), Math.expm1(upper(kl)));
    }

    private static double upper(Estimate e) {
        return Double.isNaN(e.high()) ? e.value() : e.high();
    }

    /** Perplexity does not see whether a model turns in circles or comes to an end. */
    boolean writesAsBefore() {
        return after.repetition() <= before.repetition() * FACTOR + MORE && after.ended() >= before.ended() / FACTOR - MORE;
    }

    /** Perplexity fell and the divergence did not: the smaller model fits these texts, not the model. */
    boolean disagrees() {
        return rise.high() < 0 && kl.low() > 0.01;
    }
}
