package dev.zhulong.recipe.quickstart;

import java.nio.file.Path;
import java.util.Optional;

/**
 * What the user asks of a quickstart.
 *
 * @param minutes of training; everything else comes on top
 * @param out     run directory and, in the end, the model's directory
 * @param corpus  texts to learn from; without one the JDK's own sources
 * @param seed    of everything random
 * @param plan    a {@code plan.json} of another run to repeat, which then decides minutes, corpus and seed as well
 */
public record QuickstartOptions(double minutes, Path out, Optional<Path> corpus, long seed, Optional<Path> plan) {
    /** Longest training that makes sense as a quick start: a day. */
    private static final double MOST_MINUTES = 1440;

    public QuickstartOptions {
        if (!(minutes > 0 && minutes <= MOST_MINUTES)) {
            throw new IllegalArgumentException("minutes must be a positive number up to 1440, found " + minutes);
        }
    }
}
