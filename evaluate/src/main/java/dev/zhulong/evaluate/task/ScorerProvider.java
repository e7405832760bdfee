package dev.zhulong.evaluate.task;

import java.util.Map;

/**
 * A kind of task that a jar on the class path adds: a task's section {@code scorer} then knows it by name. The jar names the class in {@code
 * META-INF/services/dev.zhulong.evaluate.task.ScorerProvider}; {@code examples/scorer} is a whole one.
 *
 * <pre>{@code
 * scorer:
 *   name: word-order
 *   settings: {text: "{{ sentence }}"}
 * }</pre>
 */
public interface ScorerProvider {

    /** What tasks call it: small letters, digits and single hyphens between them. No other scorer has this name. */
    String name();

    /** What it measures and which settings it takes, in one line; shown by {@code evaluate --help}. */
    String description();

    /** Whether each row is a question, which solved rows ({@link TaskData#shots}) can precede. */
    default boolean asks() {
        return false;
    }

    /**
     * What puts the rows to a model and counts. What it keeps of a row is found again only with the same jar.
     *
     * @param settings of the task's section, by name; their values are texts
     * @param task     whose section this is
     * @param data     its rows, and its shots
     * @throws IllegalArgumentException where a setting is unknown, missing or wrong; the message says what is expected and what was found
     */
    Scorer scorer(Map<String, String> settings, TaskSpec task, TaskData data, Subject subject);
}
