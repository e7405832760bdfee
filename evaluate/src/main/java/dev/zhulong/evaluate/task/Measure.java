package dev.zhulong.evaluate.task;

/**
 * What a task has a model do with each of its rows: the section of its YAML file that is given ({@link TaskSpec#measure}). A section holds
 * settings alone; what it measures with, it makes of a subject and the rows.
 */
public sealed interface Measure permits TaskSpec.Text, TaskSpec.Choice, TaskSpec.Generate, TaskSpec.Code, TaskSpec.Pairs, TaskSpec.Added {
    /**
     * What puts rows to a model and counts.
     *
     * @param task whose section this is
     * @param data its rows, and its shots
     * @throws IllegalArgumentException where a template or an expression is wrong; the message names the task and the field
     */
    Scorer scorer(TaskSpec task, TaskData data, Subject subject);

    /** Whether each row is a question, which solved rows can precede. */
    default boolean asks() {
        return false;
    }

    /** @throws IllegalArgumentException where the settings do not fit together */
    default void check() {}
}
