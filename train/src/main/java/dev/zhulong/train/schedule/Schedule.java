package dev.zhulong.train.schedule;

/**
 * Learning rate for each optimizer step of a run, steps {@code 0 .. total()-1}.
 *
 * <pre>{@code
 * Schedule schedule = new Cosine(3e-4, 3e-5, 100, 2_000);
 * double first = schedule.at(0);     // 3e-6: the first step already learns
 * double top = schedule.at(99);      // 3e-4: the last step of the warm-up has the peak
 * double last = schedule.at(1_999);  // 3e-5, exactly
 * }</pre>
 *
 * <p>Laws every schedule keeps: during a warm-up of {@code w} steps, step {@code s} has {@code peak * (s + 1) / w}; without a
 * warm-up step 0 of a longer run has the peak; the last step of the run has {@link #finalLr()} exactly, also where the run is as
 * short as its warm-up or has one step only (there the last-step law wins); no value is negative or above the peak.
 */
public sealed interface Schedule permits Constant, Cosine, Linear, WarmupStableDecay {

    /** The highest learning rate of the run, greater than 0. */
    double peak();

    /** The learning rate of the last step, in {@code [0, peak]}. */
    double finalLr();

    /** Optimizer steps of linear warm-up, in {@code [0, total]}. */
    long warmup();

    /** Optimizer steps of the whole run, at least 1. */
    long total();

    /**
     * Learning rate of one optimizer step.
     *
     * @param step optimizer steps finished before this one, {@code 0 .. total()-1}
     * @throws IllegalArgumentException if the step is not one of the run's
     */
    double at(long step);

    /** The families a recipe can name. */
    enum Kind { CONSTANT, LINEAR, COSINE, WSD, WSD_SQRT }

    /**
     * The schedule a recipe describes.
     *
     * @param finalLr learning rate of the last step; {@link Kind#CONSTANT} has none and ignores it
     * @param decay   optimizer steps of the final decay; only {@link Kind#WSD} and {@link Kind#WSD_SQRT} read it
     */
    static Schedule of(Kind kind, double peak, double finalLr, long warmup, long decay, long total) {
        return switch (kind) {
            case CONSTANT -> new Constant(peak, warmup, total);
            case LINEAR -> new Linear(peak, finalLr, warmup, total);
            case COSINE -> new Cosine(peak, finalLr, warmup, total);
            case WSD -> new WarmupStableDecay(peak, finalLr, warmup, decay, total, WarmupStableDecay.Shape.LINEAR);
            case WSD_SQRT -> new WarmupStableDecay(peak, finalLr, warmup, decay, total, WarmupStableDecay.Shape.ONE_MINUS_SQRT);
        };
    }
}
