package dev.zhulong.infer;

import java.util.List;

/** Is told how a {@link Job} goes, on the scheduler's thread: it must not wait for anything. What it throws ends its job. */
public interface JobListener {
    /** The job has its turn; {@code cachedTokens} of its prompt need not be read. */
    default void started(int promptTokens, int cachedTokens) {}

    /**
     * More was written.
     *
     * @param text   in whole characters, as far as it can no longer be part of a stop string; may be empty
     * @param tokens of the tokens written since the last call, where log-probabilities are asked for; their text may still be held back
     */
    void wrote(String text, List<TokenLogProbs> tokens);

    /** The last call of a job that ends by itself. */
    void finished(Generation generation);

    /**
     * The last call of any other job.
     *
     * @param problem {@link java.util.concurrent.CancellationException} where it was cancelled or the scheduler closed, {@link DeadlineException},
     *                {@link SchedulerStoppedException} where the scheduler's thread has failed, else what the job itself has; an error of the JVM is the
     *                cause of an {@link IllegalStateException}
     */
    void failed(RuntimeException problem);
}
