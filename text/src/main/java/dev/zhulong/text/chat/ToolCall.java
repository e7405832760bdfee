package dev.zhulong.text.chat;

import java.util.Objects;

/**
 * A call of a tool by the assistant. Calls that say the same are equal, whether their arguments were written as an object or as its text.
 *
 * @param id        name of the call, which the tool's answer repeats; empty if it has none
 * @param name      of the function
 * @param arguments a JSON object, as text
 * @param object    whether they were written as an object; otherwise as its text, which is how OpenAI writes them
 */
public record ToolCall(String id, String name, String arguments, boolean object) {
    public ToolCall(String id, String name, String arguments) {
        this(id, name, arguments, false);
    }

    /** This call of another function. */
    ToolCall named(String other) {
        return new ToolCall(id, other, arguments, object);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof ToolCall call && id.equals(call.id) && name.equals(call.name) && arguments.equals(call.arguments);
    }

    @Override
    public int hashCode() {
        return Objects.hash(id, name, arguments);
    }
}
