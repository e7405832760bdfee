package dev.zhulong.train;

import dev.zhulong.model.Network;
import java.util.Map;

/** Told how a run goes. */
public interface TrainListener {
    /**
     * After each step.
     *
     * @param step            steps done
     * @param loss            of this step, in {@code unit}
     * @param unit            of what is minimised
     * @param bitsPerByte     of this step; NaN where the objective counts no text
     * @param gradNorm        before clipping
     * @param tokensPerSecond tokens read a second, smoothed
     * @param secondsLeft     until the last step
     */
    record Step(long step, long total, double loss, Unit unit, double bitsPerByte, double lr, double gradNorm,
            double tokensPerSecond, double secondsLeft) {}

    /** Held-out loss in the unit of what is minimised, and bits a byte; NaN where the objective counts no text. */
    record Evaluation(long step, double loss, Unit unit, double bitsPerByte) {}

    default void step(Step step) {}

    default void evaluated(Evaluation evaluation) {}

    /** Time to measure the model further, at an evaluation: what is returned, by name, is written down beside the held-out loss. */
    default Map<String, Double> measure(long step) {
        return Map.of();
    }

    /** Time for a sample; the model is not to be changed. */
    default void sample(long step, Network model) {}

    /** Something worth a line. */
    default void message(String text) {}
}
