package dev.zhulong.data.tune;

import dev.zhulong.text.chat.Conversation;
import dev.zhulong.text.chat.SupervisedTokens;
import java.util.List;
import java.util.function.Function;

/** The model's chat template, as far as fine-tuning data need it. */
public interface ConversationEncoder {
    /**
     * Sequences that teach a conversation's assistant turns, each turn in exactly one of them: one sequence, or several where the template shows
     * earlier turns otherwise than it showed them when they were said.
     *
     * @throws IllegalArgumentException where the template refuses the conversation
     */
    List<SupervisedTokens> supervise(Conversation conversation);

    /** What the model is given before it speaks next: the conversation and the opening of an assistant's turn. */
    int[] prompt(Conversation conversation);

    /** Both as functions. */
    static ConversationEncoder of(Function<Conversation, List<SupervisedTokens>> supervise, Function<Conversation, int[]> prompt) {
        return new ConversationEncoder() {
            @Override
            public List<SupervisedTokens> supervise(Conversation conversation) {
                return supervise.apply(conversation);
            }

            @Override
            public int[] prompt(Conversation conversation) {
                return prompt.apply(conversation);
            }
        };
    }
}
