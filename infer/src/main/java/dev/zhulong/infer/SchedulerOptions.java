package dev.zhulong.infer;

/**
 * How much a {@link Scheduler} takes on.
 *
 * @param running    most sequences written at once
 * @param waiting    most jobs that wait for their turn
 * @param tokens     most tokens whose keys and values are kept, of all sequences and of what may be used again
 * @param promptRows prompt tokens read in a step in which others write: more of them, and those wait longer for their next token
 * @param reuse      keeps what was read, so that prompts that begin alike are read once
 */
public record SchedulerOptions(int running, int waiting, long tokens, int promptRows, boolean reuse) {
    /** Prompt tokens read in a step in which nobody writes. */
    static final int PROMPT_ALONE = 256;

    public SchedulerOptions {
        if (running < 1 || waiting < 1 || tokens < 1 || promptRows < 1) {
            throw new IllegalArgumentException("a scheduler needs room for at least one sequence, found " + running + " running, " + waiting + " waiting, " + tokens
                    + " tokens, " + promptRows + " of a prompt in a step");
        }
    }

    /** For so many sequences at once and so many tokens of keys and values. */
    public static SchedulerOptions of(int running, long tokens) {
        return new SchedulerOptions(running, 8 * running, tokens, 32, true);
    }
}
