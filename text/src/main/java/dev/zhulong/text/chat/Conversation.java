package dev.zhulong.text.chat;

import java.util.List;

/**
 * Turns, first to last, and the tools that may be called in them.
 *
 * @param messages turns
 * @param tools    each a JSON object as OpenAI writes it ({@code {"type": "function", "function": {…}}}), as text
 */
public record Conversation(List<Message> messages, List<String> tools) {
    public Conversation {
        messages = List.copyOf(messages);
        tools = List.copyOf(tools);
    }

    public static Conversation of(Message... messages) {
        return new Conversation(List.of(messages), List.of());
    }
}
