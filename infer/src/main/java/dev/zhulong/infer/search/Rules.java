package dev.zhulong.infer.search;

import dev.zhulong.infer.Job;
import java.util.Arrays;
import java.util.List;

/** What may follow a text: scores are changed in the order in which transformers changes them ({@code generation/logits_process.py}). */
public final class Rules implements Job.Rules {
    private static final float NEVER = Float.NEGATIVE_INFINITY;
    private final SearchOptions options;

    /** Those of a search; of beams and penalties for lengths they know nothing. */
    public Rules(SearchOptions options) {
        this.options = options;
    }

    /** @param text ids so far, what the decoder begins with included  @param scores of each id, changed in place */
    @Override
    public void apply(int[] text, float[] scores) {
        penalise(text, scores);
        noRepeat(text, scores);
        badWords(text, scores);
        if (text.length < options.minLength()) {
            options.eos().forEach(id -> scores[id] = NEVER);
        }
        if (options.forcedBos() >= 0 && text.length == 1) {
            force(scores, List.of(options.forcedBos()));
        }
        if (!options.forcedEos().isEmpty() && text.length == options.maxLength() - 1) {
            force(scores, options.forcedEos());
        }
        options.suppressed().forEach(id -> scores[id] = NEVER);
        if (options.renormalized()) {
            logSoftmax(scores);
        }
    }

    private static void force(float[] scores, List<Integer> ids) {
        Arrays.fill(scores, NEVER);
        ids.forEach(id -> scores[id] = 0);
    }

    private void penalise(int[] text, float[] scores) {
        float penalty = (float) options.repetitionPenalty();
        if (penalty != 1) {
            Arrays.stream(text).distinct().forEach(id -> scores[id] = scores[id] < 0 ? scores[id] * penalty : scores[id] / penalty);
        }
    }

    /** What followed the last n − 1 ids when they stood there before. */
    private void noRepeat(int[] text, float[] scores) {
        int n = options.noRepeat();
        if (n == 0 || text.length + 1 < n) {
            return;
        }
        int from = text.length - (n - 1);
        for (int at = 0; at + n <= text.length; at++) {
            if (Arrays.equals(text, at, at + n - 1, text, from, text.length)) {
                scores[text[at + n - 1]] = NEVER;
            }
        }
    }

    private void badWords(int[] text, float[] scores) {
        for (List<Integer> word : options.badWords()) {
            int before = word.size() - 1;
            // what ends a text is never bad
            if (word.size() > text.length + 1 || before == 0 && options.eos().contains(word.getFirst())) {
                continue;
            }
            boolean there = true;
            for (int i = 0; i < before; i++) {
                there &= text[text.length - before + i] == word.get(i);
            }
            if (there) {
                scores[word.getLast()] = NEVER;
            }
        }
    }

    static void logSoftmax(float[] scores) {
        double largest = NEVER;
        for (float score : scores) {
            largest = Math.max(largest, score);
        }
        double sum = 0;
        for (float score : scores) {
            sum += Math.exp(score - largest);
        }
        double log = largest + Math.log(sum);
        for (int i = 0; i < scores.length; i++) {
            scores[i] = (float) (scores[i] - log);
        }
    }
}
