package dev.zhulong.data.tune;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.text.chat.Message;
import dev.zhulong.text.chat.Message.Written;
import dev.zhulong.text.chat.Role;
import dev.zhulong.text.chat.ToolCall;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;

/**
 * Turns of a conversation as rows write them, OpenAI's ({@code role}, {@code content}) and ShareGPT's ({@code from}, {@code value}), even mixed.
 *
 * @param messages turns
 * @param muted    numbers of the assistant's that are not to be learnt, as {@link LossMark} and {@link Verdict} read it
 */
record Turns(List<Message> messages, List<Integer> muted) {
    /** Whether the node is, or spells, turns rather than text. */
    static boolean isTurns(JsonNode node) {
        JsonNode turns = Json.unfolded(node);
        return turns.isArray() && !turns.isEmpty() && isTurn(turns.get(0)) || isTurn(turns);
    }

    private static boolean isTurn(JsonNode node) {
        return node.isObject() && (node.has("role") || node.has("from"));
    }

    /**
     * The turns in {@code node}, an array or a single one.
     *
     * @param notes gets what is odd but usable
     */
    static Turns of(JsonNode node, String field, Collection<String> notes) {
        JsonNode turns = Json.unfolded(node);
        if (turns.isMissingNode()) {
            throw new RowRefused("no field '" + field + "'", "");
        }
        if (!turns.isArray() && !isTurn(turns)) {
            throw new RowRefused("field '" + field + "' is not a list of turns", "");
        }
        var messages = new ArrayList<Message>();
        var muted = new ArrayList<Integer>();
        for (JsonNode turn : turns.isArray() ? turns : List.of(turns)) {
            Message message = message(turn);
            if (message.role() == Role.SYSTEM && messages.size() == 1 && messages.getFirst().role() == Role.SYSTEM) {
                messages.set(0, Message.system(messages.getFirst().content() + "\n\n" + message.content()));
                notes.add("several system messages at the start, joined");
                continue;
            }
            boolean context = LossMark.mutes(turn, notes) || Verdict.mutes(turn);
            if (context && message.role() == Role.ASSISTANT) {
                muted.add(messages.size());
            } else if (message.role() == Role.ASSISTANT) {
                LossMark.noteDoubts(turn, notes);
            }
            messages.add(message);
        }
        return new Turns(messages, muted);
    }

    private static Message message(JsonNode turn) {
        if (!turn.isObject()) {
            throw new RowRefused("a turn is not an object", turn.toString());
        }
        String name = Json.textOrEmpty(turn.has("role") ? turn.path("role") : turn.path("from"), "role").strip().toLowerCase(Locale.ROOT);
        JsonNode content = turn.has("content") ? turn.path("content") : turn.has("value") ? turn.path("value") : turn.path("text");
        return switch (name) {
            case "system", "developer" -> Message.system(text(content));
            case "user", "human" -> new Message(Role.USER, text(content), "", List.of(), "", Json.textOrEmpty(turn.path("name"), "name"),
                    written(content));
            case "assistant", "gpt", "chatgpt", "bot", "model", "ai" -> assistant(turn, content);
            case "tool", "function", "observation", "tool_response", "function_response", "ipython" -> new Message(Role.TOOL,
                    content.isObject() ? content.toString() : text(content), "", List.of(),
                    Json.textOrEmpty(turn.path("tool_call_id"), "tool_call_id"), Json.textOrEmpty(turn.path("name"), "name"), written(content));
            case "function_call", "tool_call" -> new Message(Role.ASSISTANT, "", "",
                    content.isContainerNode() ? ToolCalls.spelled(content.toString()) : ToolCalls.spelled(text(content)), "", "",
                    Written.NULL);
            case "" -> throw new RowRefused("a turn without a role", turn.toString());
            default -> throw new RowRefused("unknown role", "'" + name + "'; expected system, developer, user, human, assistant, gpt, tool,"
                    + " function, observation or function_call");
        };
    }

    /** Templates tell no content from an empty one. */
    private static Written written(JsonNode content) {
        return content.isMissingNode() ? Written.ABSENT : Json.isMissing(content) ? Written.NULL : Written.TEXT;
    }

    private static Message assistant(JsonNode turn, JsonNode content) {
        List<ToolCall> calls = ToolCalls.of(turn);
        String reasoning = "";
        for (String field : List.of("reasoning_content", "reasoning", "thinking")) {
            reasoning = reasoning.isEmpty() && turn.path(field).isTextual() ? turn.path(field).textValue() : reasoning;
        }
        return new Message(Role.ASSISTANT, text(content), reasoning, calls, "", Json.textOrEmpty(turn.path("name"), "name"), written(content));
    }

    /** Content is text, null, or a list of parts of text. */
    private static String text(JsonNode content) {
        if (!content.isArray()) {
            return Json.textOrEmpty(content, "content");
        }
        var text = new StringBuilder();
        for (JsonNode part : content) {
            JsonNode inner = part.isTextual() ? part : part.path("text");
            if (!inner.isTextual()) {
                throw new RowRefused("a part of a message is not text", "type " + part.path("type").asText("unknown"));
            }
            if (LossMark.mutes(part, new ArrayList<>())) {
                throw new RowRefused("a part of a message is marked as not to be learnt", part.toString());
            }
            text.append(inner.textValue());
        }
        return text.toString();
    }

    /**
     * The turns as a conversation that ends in an assistant's turn: {@code system} put first if there is none yet, turns after the last
     * assistant's left off.
     */
    Turns completed(String system, Collection<String> notes) {
        if (messages.isEmpty()) {
            throw new RowRefused("no turns", "");
        }
        var all = new ArrayList<>(messages);
        int shift = 0;
        if (!system.isBlank()) {
            if (all.getFirst().role() == Role.SYSTEM) {
                notes.add("a system column beside a system message; the message counts");
            } else {
                all.addFirst(Message.system(system));
                shift = 1;
            }
        }
        int last = all.size() - 1;
        while (last >= 0 && all.get(last).role() != Role.ASSISTANT) {
            last--;
        }
        if (last < 0) {
            throw new RowRefused("no assistant turn", "");
        }
        if (last < all.size() - 1) {
            notes.add("turns after the last assistant turn, left off");
        }
        all.subList(last + 1, all.size()).clear();
        check(all, notes);
        int by = shift;
        return new Turns(all, muted.stream().map(number -> number + by).toList());
    }

    private static void check(List<Message> messages, Collection<String> notes) {
        for (int i = 0; i < messages.size(); i++) {
            Message message = messages.get(i);
            Role before = i == 0 ? null : messages.get(i - 1).role();
            if (message.role() == Role.ASSISTANT && message.content().isBlank() && message.toolCalls().isEmpty()) {
                throw new RowRefused("empty assistant turn", "turn " + (i + 1));
            }
            if (message.role() == Role.SYSTEM && i > 0) {
                notes.add("a system message after the start");
            } else if (message.role() == Role.TOOL && before != Role.TOOL && before != Role.ASSISTANT) {
                notes.add("a tool's answer that follows no call");
            } else if (message.role() == before && message.role() != Role.TOOL) {
                notes.add("two " + message.role().label() + " turns in a row");
            } else if (message.role() == Role.ASSISTANT && (before == null || before == Role.SYSTEM)) {
                notes.add("the assistant speaks first");
            } else if (message.role() == Role.USER && message.content().isBlank()) {
                notes.add("an empty user turn");
            }
        }
    }
}
