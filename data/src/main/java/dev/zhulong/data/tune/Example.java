package dev.zhulong.data.tune;

import dev.zhulong.text.chat.Conversation;
import dev.zhulong.text.chat.Message;
import java.util.List;

/** One thing to learn from, before it is tokens. */
public sealed interface Example {
    /**
     * A conversation, of which the assistant's turns are learnt.
     *
     * @param muted numbers (from 0) of assistant's messages that are context only: marked as not to be learnt, or part of a prompt
     */
    record Chat(Conversation conversation, List<Integer> muted) implements Example {
        public Chat {
            muted = List.copyOf(muted);
        }

        /** Every assistant's turn is learnt. */
        public Chat(Conversation conversation) {
            this(conversation, List.of());
        }
    }

    /** Text to go on from, and text to go on with; for models without a chat template. The two are joined as they are. */
    record Completion(String prompt, String completion) implements Example { }

    /** Text before a gap and behind it, and what belongs into it, which is learnt. */
    record Gap(String prefix, String suffix, String middle) implements Example { }

    /** A conversation up to the assistant's turn, and a better and a worse way to take it. */
    record Preference(Conversation prompt, Message chosen, Message rejected) implements Example { }

    /** Text, all of which is learnt. */
    record Text(String text) implements Example { }
}
