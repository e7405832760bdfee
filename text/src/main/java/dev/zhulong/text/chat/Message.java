package dev.zhulong.text.chat;

import java.util.List;
import java.util.Objects;
import java.util.function.UnaryOperator;

/**
 * One turn of a conversation. Messages that say the same are equal, however what they do not say was written.
 *
 * @param role       who speaks
 * @param content    what is said; empty where an assistant only calls tools
 * @param reasoning  what a reasoning model thought before it spoke ({@code reasoning_content}); empty if nothing
 * @param toolCalls  calls an assistant makes
 * @param toolCallId call that a tool answers; empty if none
 * @param name       of the tool or the speaker; empty if none
 * @param written    how the field {@code content} was written
 */
public record Message(Role role, String content, String reasoning, List<ToolCall> toolCalls, String toolCallId, String name, Written written) {
    /** How the field {@code content} was written, which templates can tell apart where there is nothing in it. */
    public enum Written {
        /** A text, which may be empty. */
        TEXT,
        /** {@code null}. */
        NULL,
        /** Not at all. */
        ABSENT
    }

    public Message {
        toolCalls = List.copyOf(toolCalls);
        if (written != Written.TEXT && !content.isEmpty()) {
            throw new IllegalArgumentException("a message without content has the content " + content);
        }
    }

    public Message(Role role, String content, String reasoning, List<ToolCall> toolCalls, String toolCallId, String name) {
        this(role, content, reasoning, toolCalls, toolCallId, name, Written.TEXT);
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

    /** This message with another content, reasoning, calls and name, which are as many and as empty as its own. */
    public Message saying(String content, String reasoning, List<ToolCall> toolCalls, String name) {
        return new Message(role, content, reasoning, toolCalls, toolCallId, name, content.isEmpty() ? written : Written.TEXT);
    }

    /** This message with its calls under other names. */
    public Message calling(UnaryOperator<String> names) {
        return saying(content, reasoning, toolCalls.stream().map(call -> call.named(names.apply(call.name()))).toList(), name);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Message message && role == message.role && content.equals(message.content) && reasoning.equals(message.reasoning)
                && toolCalls.equals(message.toolCalls) && toolCallId.equals(message.toolCallId) && name.equals(message.name);
    }

    @Override
    public int hashCode() {
        return Objects.hash(role, content, reasoning, toolCalls, toolCallId, name);
    }
}
