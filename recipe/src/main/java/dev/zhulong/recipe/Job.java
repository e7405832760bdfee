package dev.zhulong.recipe;

import dev.zhulong.formats.progress.Progress;
import dev.zhulong.train.Ranks;
import java.nio.file.Path;

/**
 * Something that takes a while and ends in a directory: a recipe, and what is done with it. Started again in the same directory it goes on where
 * it was stopped, and ends in the same bits.
 *
 * <pre>{@code
 * Job job = Jobs.read(Path.of("recipes/small-llama.yaml"), List.of("train.steps=100"));
 * try (var line = ProgressLine.on(System.err)) {
 *     Outcome outcome = job.run(Path.of("run"), line);
 * }
 * }</pre>
 */
public interface Job {
    /** What the recipe calls it in its field {@code kind}; the verb of that name starts one. */
    String kind();

    /** Everything that was asked for, with absolute paths. */
    Record recipe();

    /** Bytes of memory it takes at least, as far as its recipe says; 0 where it fits itself to the machine. */
    long needs();

    /**
     * Runs to the end.
     *
     * @param directory empty or absent, or that of an earlier run of the same recipe
     * @param available bytes of memory it may take
     * @throws IllegalArgumentException if recipe, inputs and directory do not go together, or the memory does not suffice; says what to do
     */
    Outcome run(Path directory, Progress progress, long available);

    /**
     * This job as a part of one that several ranks do together, each by a call of its own with the same directory.
     *
     * @throws IllegalArgumentException if one process has to do it, or if so many cannot share it
     */
    default Job among(Ranks ranks) {
        throw new IllegalArgumentException("a job of kind '" + kind() + "' is done by one process: give train-cluster a pretraining or a fine-tuning, or start this without it");
    }

    /** The same where memory is known to suffice. */
    default Outcome run(Path directory, Progress progress) {
        return run(directory, progress, Long.MAX_VALUE);
    }
}
