package dev.zhulong.text.encode;

/**
 * Where in an input an answer lies.
 *
 * @param start its first token
 * @param end   its last token, inclusive
 */
public record AnswerSpan(int start, int end) {
    /** The model's first token stands for "no answer here". */
    public static final AnswerSpan NONE = new AnswerSpan(0, 0);

    /**
     * The tokens of {@code window}'s second text that an answer lies in; {@link #NONE} where the window does not have all of it.
     *
     * @param from first UTF-16 unit of the answer in the context
     * @param to   behind the last one
     */
    public static AnswerSpan of(EncodedText window, int from, int to) {
        int first = window.first(1);
        int last = window.last(1);
        if (last < first || window.from()[first] > from || window.to()[last] < to) {
            return NONE;
        }
        int start = first;
        while (start < last && window.from()[start + 1] <= from) {
            start++;
        }
        int end = last;
        while (end > first && window.to()[end - 1] >= to) {
            end--;
        }
        return new AnswerSpan(start, end);
    }
}
