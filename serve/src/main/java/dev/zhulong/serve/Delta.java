package dev.zhulong.serve;

import dev.zhulong.serve.TokenTexts.TokenText;
import java.util.List;
import java.util.stream.Collectors;

/**
 * More of a choice.
 *
 * @param choice  its number
 * @param text    that follows what was told
 * @param tokens  whose text is told with this; empty where log-probabilities are not asked for
 * @param calls   of tools, whole
 * @param finish  why it ended, in OpenAI's words; null while it has not
 * @param stop    the stop string that ended it; null for none
 * @param refusal what is said of why it was blocked; null for nothing
 * @param rewrite whether it was blocked so that it is written again
 */
record Delta(int choice, String text, List<TokenText> tokens, List<ToolCalls.Call> calls, String finish, String stop, String refusal, boolean rewrite) {
    /** What the deltas of one choice come to. */
    static Delta joined(List<Delta> deltas) {
        Delta last = deltas.getLast();
        return new Delta(last.choice, deltas.stream().map(Delta::text).collect(Collectors.joining()), deltas.stream().flatMap(delta -> delta.tokens.stream()).toList(),
                deltas.stream().flatMap(delta -> delta.calls.stream()).toList(), last.finish, last.stop, last.refusal, last.rewrite);
    }

    boolean isEmpty() {
        return text.isEmpty() && tokens.isEmpty() && calls.isEmpty() && finish == null;
    }
}
