package dev.zhulong.text.chat;

/**
 * A call of a tool by the assistant.
 *
 * @param id        name of the call, which the tool's answer repeats; empty if it has none
 * @param name      of the function
 * @param arguments a JSON object, as text
 */
public record ToolCall(String id, String name, String arguments) {}
