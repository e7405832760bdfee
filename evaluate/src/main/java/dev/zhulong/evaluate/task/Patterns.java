package dev.zhulong.evaluate.task;

import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/** Regular expressions of a task. */
final class Patterns {
    private Patterns() {}

    /** @param field where the task has it, for messages */
    static Pattern compile(String field, String pattern) {
        try {
            return Pattern.compile(pattern);
        } catch (PatternSyntaxException e) {
            throw new IllegalArgumentException(field + ": no regular expression: " + e.getDescription() + " in '" + pattern + "'", e);
        }
    }
}
