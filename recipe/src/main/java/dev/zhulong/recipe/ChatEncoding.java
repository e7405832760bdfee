package dev.zhulong.recipe;

import dev.zhulong.data.tune.ConversationEncoder;

/** A model's chat template as fine-tuning data need it. */
public final class ChatEncoding {
    private ChatEncoding() {}

    /** Refuses every conversation: templates are not read yet. */
    public static ConversationEncoder none() {
        return ConversationEncoder.of(_ -> {
            throw new IllegalArgumentException("no chat template");
        }, _ -> {
            throw new IllegalArgumentException("no chat template");
        });
    }
}
