package dev.zhulong.data.label;

import java.util.List;

/**
 * A question about a text that holds the answer.
 *
 * @param where   file and row, {@code train.json#12}
 * @param id      of the question, as predictions are filed under; {@code where} if the file has none
 * @param answers equally right ones; none where the context does not say
 */
public record Question(String where, String id, String context, String question, List<Answer> answers) {
    /**
     * One answer.
     *
     * @param from its first UTF-16 unit in the context
     */
    public record Answer(String text, int from) {
        /** Behind its last UTF-16 unit. */
        public int to() {
            return from + text.length();
        }
    }

    public Question {
        answers = List.copyOf(answers);
    }
}
