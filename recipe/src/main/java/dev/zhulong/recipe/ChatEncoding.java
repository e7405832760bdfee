package dev.zhulong.recipe;

import dev.zhulong.data.tune.ConversationEncoder;
import dev.zhulong.text.chat.ChatEncoder;

/** A model's chat template as fine-tuning data need it. */
public final class ChatEncoding {
    private ChatEncoding() {}

    public static ConversationEncoder of(ChatEncoder chat) {
        return ConversationEncoder.of(chat::supervise, chat::prompt);
    }
}
