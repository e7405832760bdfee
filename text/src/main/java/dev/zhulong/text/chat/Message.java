package dev.zhulong.text.chat;

import java.util.List;

/**
 * One turn of a conversation.
 *
 * @param role       who speaks
 * @param content    what is said; empty where an assistant only calls tools
 * @param reasoning  what a reasoning model thought before it spoke ({@code reasoning_content}); empty if nothing
 * @param toolCalls  calls an assistant makes
 * @param toolCallId call that a tool answers; empty if none
 * @param name       of the tool or the speaker; empty if none
 */
public record Message(Role role, String content, String reasoning, List<ToolCall> toolCalls, String toolCallId, String name) {
    public Message {
        toolCalls = List.copyOf(toolCalls);
    }

    public static Message of(Role role, String content) {
        return new Message(role, content, "", List.of(), "", "");
    }

    public static Message system(String content) {
        return of(Role.SYSTEM, content);
    }

    public static Message user(String content) {
        return of(Role.USER, content);
    }

    public static Message assistant(String content) {
        return of(Role.ASSISTANT, content);
    }
}
