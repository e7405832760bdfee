package dev.zhulong.text.encode;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Finds the answer that a model for extractive question answering gives, over all windows of a context, as transformers' question-answering example
 * does ({@code postprocess_qa_predictions}). Where no span of the context can be an answer, the answer is empty (there: the word "empty").
 *
 * @param best      likeliest starts and ends of a window that are tried with each other
 * @param longest   tokens of an answer
 * @param nullable  whether a question may have no answer (SQuAD 2): the first token's score then stands for none, the least of all windows
 * @param threshold by how much none must score better than the best answer to be chosen
 */
public record AnswerSearch(int best, int longest, boolean nullable, double threshold) {
    /** As the example has it by default, for questions that have an answer. */
    public static final AnswerSearch DEFAULT = new AnswerSearch(20, 30, false, 0);

    public AnswerSearch {
        if (best < 1 || longest < 1 || Double.isNaN(threshold)) {
            throw new IllegalArgumentException("an answer is looked for among 1 or more starts and ends and has 1 or more tokens, found " + best + " and " + longest);
        }
    }

    /**
     * An answer.
     *
     * @param text        empty where there is none
     * @param from        its first UTF-16 unit in the context
     * @param to          behind the last one
     * @param score       sum of the logits of its start and its end
     * @param probability among the best answers that were found
     */
    public record Answer(String text, int from, int to, double score, double probability) {}

    private record Found(int from, int to, double score) {}

    /**
     * The answer.
     *
     * @param windows of the question and all of {@code context}
     * @param starts  logits of each window, {@code [tokens]} or longer (padding is not looked at)
     * @param ends    likewise
     */
    public Answer find(String context, List<EncodedText> windows, List<float[]> starts, List<float[]> ends) {
        if (windows.isEmpty() || windows.size() != starts.size() || windows.size() != ends.size()) {
            throw new IllegalArgumentException(windows.size() + " windows, but logits of " + starts.size() + " and " + ends.size());
        }
        List<Found> found = new ArrayList<>();
        double none = Double.POSITIVE_INFINITY;
        for (int w = 0; w < windows.size(); w++) {
            none = Math.min(none, (double) starts.get(w)[0] + ends.get(w)[0]);
            collect(windows.get(w), starts.get(w), ends.get(w), found);
        }
        if (nullable) {
            found.add(new Found(0, 0, none));
        }
        found.sort(Comparator.comparingDouble(Found::score).reversed());
        List<Found> kept = new ArrayList<>(found.subList(0, Math.min(best, found.size())));
        if (nullable && kept.stream().noneMatch(f -> f.to == 0)) {
            kept.add(new Found(0, 0, none));
        }
        Found answer = kept.stream().filter(f -> !nullable || f.from < f.to).findFirst().orElse(null);
        if (answer == null || nullable && none - answer.score > threshold) {
            answer = new Found(0, 0, none);
        }
        double most = kept.stream().mapToDouble(Found::score).max().orElse(none);
        double sum = kept.stream().mapToDouble(f -> Math.exp(f.score - most)).sum();
        return new Answer(context.substring(answer.from, answer.to), answer.from, answer.to, answer.score, sum == 0 ? 1 : Math.exp(answer.score - most) / sum);
    }

    private void collect(EncodedText window, float[] starts, float[] ends, List<Found> into) {
        for (int start : likeliest(starts, window.length())) {
            for (int end : likeliest(ends, window.length())) {
                if (window.parts()[start] == 1 && window.parts()[end] == 1 && end >= start && end - start < longest) {
                    into.add(new Found(window.from()[start], window.to()[end], (double) starts[start] + ends[end]));
                }
            }
        }
    }

    /** Of all tokens, the context's or not: the example looks at no more, so it may find none in the context. */
    private List<Integer> likeliest(float[] logits, int length) {
        return IntStream.range(0, length).boxed().sorted(Comparator.comparingDouble((Integer i) -> logits[i]).reversed()).limit(best).toList();
    }
}
