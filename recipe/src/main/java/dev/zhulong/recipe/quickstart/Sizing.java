package dev.zhulong.recipe.quickstart;

import dev.zhulong.formats.Sizes;
import dev.zhulong.recipe.TrainingMemory;
import java.util.List;
import java.util.Locale;

/** How large a model a machine can train in a given time: plain functions of what was measured. */
final class Sizing {
    /** Shapes from small to large, each with the work, in GFLOP of matrix products, from which on it beats the one before. */
    private static final List<Rung> LADDER = List.of(
            new Rung(0, new Plan.Shape(4096, 128, 3, 2, 384, 256, 4)),
            new Rung(4_000, new Plan.Shape(4096, 192, 4, 3, 512, 256, 4)),
            new Rung(40_000, new Plan.Shape(8192, 256, 5, 4, 704, 256, 8)),
            new Rung(250_000, new Plan.Shape(8192, 384, 6, 6, 1024, 256, 16)),
            new Rung(1_500_000, new Plan.Shape(8192, 512, 8, 8, 1408, 512, 16)),
            new Rung(12_000_000, new Plan.Shape(8192, 768, 12, 12, 2048, 512, 32)));
    /** Fewer optimizer steps than this teach a larger model less than a smaller one would learn. */
    private static final long FEWEST_STEPS = 150;
    /** Part of the time that steps take; the rest goes to evaluations, samples and checkpoints. */
    private static final double STEPPING = 0.9;
    /** Passes over the same text after which more bring little (Muennighoff et al. 2023, "Scaling Data-Constrained Language Models"). */
    private static final long MOST_EPOCHS = 16;
    /** Fine-tuning, in parts of the time for training. */
    private static final double TUNING = 0.2;
    /** More passes over the same examples teach an adapter them and not the task. */
    private static final long TUNING_EPOCHS = 3;
    private static final int RANK = 16;
    private static final double TUNING_RATE = 2e-3;
    /** Answers take time as well: held-out pairs for each so many seconds of training, within bounds. */
    private static final double SECONDS_PER_PAIR = 3;
    private static final int FEWEST_PAIRS = 8;
    private static final int MOST_PAIRS = 100;

    private record Rung(double gflop, Plan.Shape shape) {}

    private Sizing() {}

    /** The shape for {@code seconds} of training at {@code gflops}. */
    static Plan.Shape shape(double gflops, double seconds) {
        Plan.Shape chosen = LADDER.getFirst().shape();
        for (Rung rung : LADDER) {
            chosen = gflops * seconds >= rung.gflop() ? rung.shape() : chosen;
        }
        return chosen;
    }

    /** The next smaller shape, or the same where it is the smallest. */
    static Plan.Shape smaller(Plan.Shape shape) {
        Plan.Shape before = LADDER.getFirst().shape();
        for (Rung rung : LADDER) {
            if (rung.shape().equals(shape)) {
                return before;
            }
            before = rung.shape();
        }
        throw new IllegalArgumentException("not a shape of the ladder: " + shape);
    }

    /**
     * {@code shape}, or the largest below it that can be trained with {@code available} bytes of memory.
     *
     * @throws IllegalArgumentException if there is none
     */
    static Plan.Shape fitting(Plan.Shape shape, long available) {
        Plan.Shape chosen = shape;
        while (memory(chosen) > available && !smaller(chosen).equals(chosen)) {
            chosen = smaller(chosen);
        }
        requireMemory(chosen, available);
        return chosen;
    }

    /** Refuses what does not fit; the fine-tuning that follows takes less. */
    static void requireMemory(Plan.Shape shape, long available) {
        if (memory(shape) > available) {
            throw new IllegalArgumentException(String.format(Locale.ROOT, "training this model needs about %s of memory and %s are available; close other"
                    + " programs, or start with another --out, which plans a model for this machine", Sizes.memory(memory(shape)), Sizes.memory(available)));
        }
    }

    private static long memory(Plan.Shape shape) {
        return TrainingMemory.pretraining(shape.spec(shape.vocabulary(), 0, 0), shape.batch(), shape.seq(), true, false).total();
    }

    /** Whether {@code shape} is too slow here to learn in {@code seconds} and a smaller one exists. */
    static boolean tooLarge(Plan.Shape shape, double seconds, double secondsPerStep) {
        return !smaller(shape).equals(shape) && steps(seconds, secondsPerStep) < FEWEST_STEPS;
    }

    /** Optimizer steps that fit. */
    static long steps(double seconds, double secondsPerStep) {
        return Math.max(1, (long) (STEPPING * seconds / secondsPerStep));
    }

    /** The fine-tuning that comes on top of {@code seconds} of training; a step of it takes no longer than one of training all weights. */
    static Plan.Tuning tuning(double seconds, double secondsPerStep) {
        return new Plan.Tuning(steps(TUNING * seconds, secondsPerStep), RANK, TUNING_RATE,
                (int) Math.clamp(seconds / SECONDS_PER_PAIR, FEWEST_PAIRS, MOST_PAIRS));
    }

    /** {@code steps} of fine-tuning, or as many as read {@code tokens} of examples three times. */
    static long tuningSteps(long steps, long tokensPerStep, long tokens) {
        return Math.clamp(TUNING_EPOCHS * tokens / tokensPerStep, 1, steps);
    }

    /** {@code steps}, or as many as read {@code tokens} of text sixteen times. */
    static long steps(long steps, long tokensPerStep, long tokens) {
        return Math.clamp(MOST_EPOCHS * tokens / tokensPerStep, 1, steps);
    }

    /** A twentieth of the run, no more than 200 steps. */
    static long warmup(long steps) {
        return Math.min(steps / 20, 200);
    }

    /** Smaller models take larger steps: 3e-3 at a width of 256, falling with its square root. */
    static double learningRate(Plan.Shape shape) {
        return 3e-3 * Math.sqrt(256.0 / shape.hidden());
    }
}
