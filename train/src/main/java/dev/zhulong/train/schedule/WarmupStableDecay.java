package dev.zhulong.train.schedule;

import java.util.Objects;

/**
 * Warm-up, stable, decay (WSD): linear warm-up, the peak, and a short decay over the last {@code decay} steps of the run, the last of
 * which has the final learning rate. From MiniCPM (Hu et al., 2024); the {@code 1 - sqrt} shape from Hägele et al., "Scaling Laws and
 * Compute-Optimal Training Beyond Fixed Training Durations" (2024).
 *
 * @param decay optimizer steps of the decay, at least 1; {@code warmup + decay} fits into {@code total}
 */
public record WarmupStableDecay(double peak, double finalLr, long warmup, long decay, long total, Shape shape) implements Schedule {

    /** How the last phase falls; {@code t} runs from 0 to 1 over the decay. */
    public enum Shape {
        /** {@code 1 - t}. */
        LINEAR,
        /** {@code 1 - sqrt(t)}: fast at first, then flat. */
        ONE_MINUS_SQRT
    }

    public WarmupStableDecay {
        Phase.check(peak, finalLr, warmup, total);
        Objects.requireNonNull(shape, "shape");
        if (decay < 1 || decay > total - warmup) {
            throw new IllegalArgumentException("decay of " + decay + " steps does not fit after a warm-up of " + warmup
                    + " in a run of " + total + " steps; "
                    + (warmup < total ? "give a decay between 1 and " + (total - warmup) : "shorten the warm-up"));
        }
    }

    @Override
    public double at(long step) {
        Phase.checkStep(step, total);
        if (step == total - 1) {
            return finalLr;
        }
        if (step < warmup) {
            return Phase.warmup(peak, step, warmup);
        }
        if (step < total - decay) {
            return peak;
        }
        double decayed = Phase.decayed(step, total - decay - 1, total - 1);
        return Phase.between(peak, finalLr, switch (shape) {
            case LINEAR -> 1 - decayed;
            case ONE_MINUS_SQRT -> 1 - Math.sqrt(decayed);
        });
    }
}
