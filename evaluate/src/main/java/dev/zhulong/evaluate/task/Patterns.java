package dev.zhulong.evaluate.task;

import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/** Regular expressions of a task. */
final class Patterns {
    private Patterns() {}

    /** Refuses a replacement that names a group the pattern has not. */
    static void replacement(String field, TaskSpec.Replacement replacement) {
        String either = "(?:" + replacement.pattern() + ")|";
        try {
            // the empty alternative always matches, and leaves groups empty but there
            compile(field, either).matcher("").replaceFirst(replacement.with());
        } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
            throw new IllegalArgumentException(field + ": '" + replacement.with() + "' cannot replace '" + replacement.pattern() + "': "
                    + e.getMessage(), e);
        }
    }

    /** @param field where the task has it, for messages */
    static Pattern compile(String field, String pattern) {
        try {
            return Pattern.compile(pattern);
        } catch (PatternSyntaxException e) {
            throw new IllegalArgumentException(field + ": not a regular expression: " + e.getDescription() + " in '" + pattern + "'", e);
        }
    }
}
