package dev.zhulong.data.tune;

import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.chat.Conversation;
import dev.zhulong.text.chat.Message;
import dev.zhulong.text.chat.SupervisedTokens;
import java.util.ArrayList;
import java.util.Arrays;

/**
 * Preference pairs to tokens.
 *
 * @param most tokens of prompt and an answer together
 */
record PairEncoder(ConversationEncoder conversations, Tokenizer tokenizer, int most) {
    PreferenceTokens encode(ExampleRow row, Example.Preference pair) {
        SupervisedTokens chosen = answered(pair.prompt(), pair.chosen());
        SupervisedTokens rejected = answered(pair.prompt(), pair.rejected());
        int from = start(pair.prompt(), chosen);
        if (from != start(pair.prompt(), rejected) || !Arrays.equals(chosen.ids(), 0, from, rejected.ids(), 0, from)) {
            throw new RowRefused("the chat template shows chosen and rejected different prompts", "");
        }
        return fitted(row, Arrays.copyOf(chosen.ids(), from), answer(chosen, from), answer(rejected, from));
    }

    private SupervisedTokens answered(Conversation prompt, Message answer) {
        var messages = new ArrayList<>(prompt.messages());
        messages.add(answer);
        // of several sequences the last teaches the last turn
        return conversations.supervise(new Conversation(messages, prompt.tools())).getLast();
    }

    /** Where the answer begins: behind what the model is given, or else where the last run of learnt tokens does. */
    private int start(Conversation prompt, SupervisedTokens whole) {
        int[] before = conversations.prompt(prompt);
        if (before.length < whole.ids().length && Arrays.mismatch(before, whole.ids()) == before.length && whole.supervised()[before.length]) {
            return before.length;
        }
        int end = end(whole);
        int start = end;
        while (start > 0 && whole.supervised()[start - 1]) {
            start--;
        }
        if (start == end) {
            throw new RowRefused("no supervised token", "");
        }
        return start;
    }

    private static int end(SupervisedTokens whole) {
        int end = whole.ids().length;
        while (end > 0 && !whole.supervised()[end - 1]) {
            end--;
        }
        return end;
    }

    private static int[] answer(SupervisedTokens whole, int from) {
        return Arrays.copyOfRange(whole.ids(), from, end(whole));
    }

    /** The prompt gives way first, from its left, down to half of the room; then the answers, from their right. */
    private PreferenceTokens fitted(ExampleRow row, int[] prompt, int[] chosen, int[] rejected) {
        int longest = Math.max(chosen.length, rejected.length);
        int room = Math.max(most - longest, Math.min(prompt.length, most / 2));
        int[] kept = prompt;
        if (prompt.length > room) {
            kept = Arrays.copyOfRange(prompt, prompt.length - room, prompt.length);
            if (room > 0 && tokenizer.bos().isPresent() && prompt[0] == tokenizer.bos().getAsInt()) {
                kept[0] = prompt[0];
            }
        }
        int answers = most - kept.length;
        if (answers < 1 || kept.length < 1) {
            throw new RowRefused("no room for prompt and answer in " + most + " tokens", "");
        }
        boolean truncated = kept.length < prompt.length || longest > answers;
        return new PreferenceTokens(row.source(), row.where(), kept, Arrays.copyOf(chosen, Math.min(answers, chosen.length)),
                Arrays.copyOf(rejected, Math.min(answers, rejected.length)), truncated);
    }
}
