package dev.zhulong.data.tune;

import dev.zhulong.data.read.RowReport;
import dev.zhulong.text.chat.SupervisedTokens;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A preference pair as tokens. The prompt was tokenised together with each answer; an answer has no BOS, begins with its first token and ends
 * with the end of its turn.
 *
 * @param source    name of the data source
 * @param where     file and row
 * @param prompt    ids before the answer, cut from the left where too long
 * @param chosen    ids of the better answer
 * @param rejected  ids of the worse answer
 * @param truncated whether anything was cut off
 */
public record PreferenceTokens(String source, String where, int[] prompt, int[] chosen, int[] rejected, boolean truncated) {
    /** The pairs among {@code examples}; what is none, or can't be used, is refused in {@code report}. */
    public static List<PreferenceTokens> all(List<ExampleRow> examples, ExampleEncoder encoder, RowReport report) {
        var pairs = new ArrayList<PreferenceTokens>();
        for (ExampleRow row : examples) {
            encoder.preference(row, report).ifPresent(pairs::add);
        }
        return List.copyOf(pairs);
    }

    /** Prompt and better answer; the answer is supervised. */
    public SupervisedTokens chosenSequence() {
        return join(prompt, chosen);
    }

    /** Prompt and worse answer; the answer is supervised. */
    public SupervisedTokens rejectedSequence() {
        return join(prompt, rejected);
    }

    private static SupervisedTokens join(int[] prompt, int[] answer) {
        int[] ids = Arrays.copyOf(prompt, prompt.length + answer.length);
        System.arraycopy(answer, 0, ids, prompt.length, answer.length);
        var supervised = new boolean[ids.length];
        Arrays.fill(supervised, prompt.length, ids.length, true);
        return new SupervisedTokens(ids, supervised);
    }
}
