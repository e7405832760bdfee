package dev.zhulong.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.text.chat.Conversation;
import dev.zhulong.text.chat.Message;
import dev.zhulong.text.chat.Message.Written;
import dev.zhulong.text.chat.Role;
import dev.zhulong.text.chat.ToolCall;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/** The messages of a chat request. */
final class ChatMessages {
    private static final int MOST = 10_000;

    private ChatMessages() {}

    static List<Message> read(Fields request) {
        List<JsonNode> nodes = request.list("messages", MOST);
        if (nodes.isEmpty()) {
            throw request.wrong("messages", "must have at least one message");
        }
        List<Message> messages = new ArrayList<>(nodes.size());
        for (JsonNode node : nodes) {
            messages.add(message(Fields.of(node, "messages[" + messages.size() + "]")));
        }
        return messages;
    }

    private static Message message(Fields message) {
        Role role = switch (message.required("role")) {
            case "system", "developer" -> Role.SYSTEM;
            case "user" -> Role.USER;
            case "assistant" -> Role.ASSISTANT;
            case "tool", "function" -> Role.TOOL;
            default -> throw message.wrong("role", "must be system, developer, user, assistant or tool");
        };
        List<ToolCall> calls = role == Role.ASSISTANT ? calls(message) : List.of();
        String content = content(message, role == Role.ASSISTANT);
        return new Message(role, content, message.text("reasoning_content", ""), calls, message.text("tool_call_id", ""), message.text("name", ""),
                message.has("content") || !content.isEmpty() ? Written.TEXT : Written.NULL);
    }

    /** A string, or parts that are texts. */
    private static String content(Fields message, boolean mayBeMissing) {
        JsonNode content = message.get("content");
        if (content == null) {
            if (mayBeMissing) {
                return message.text("refusal", "");
            }
            throw message.wrong("content", "is missing");
        }
        if (!content.isArray()) {
            return message.text("content", "");
        }
        var text = new StringBuilder();
        List<JsonNode> nodes = message.list("content", MOST);
        for (int i = 0; i < nodes.size(); i++) {
            Fields part = Fields.of(nodes.get(i), message.name("content[" + i + "]"));
            String type = part.required("type");
            text.append(switch (type) {
                case "text" -> part.required("text");
                case "refusal" -> part.required("refusal");
                default -> throw part.wrong("type", "is \"" + Json.shortened(type) + "\": this model reads text alone");
            });
        }
        return text.toString();
    }

    private static List<ToolCall> calls(Fields message) {
        List<ToolCall> calls = new ArrayList<>();
        for (JsonNode node : message.list("tool_calls", MOST)) {
            Fields call = Fields.of(node, message.name("tool_calls[" + calls.size() + "]"));
            Fields function = call.object("function");
            if (function == null) {
                throw call.wrong("function", "is missing");
            }
            calls.add(new ToolCall(call.text("id", ""), function.required("name"), arguments(function)));
        }
        return calls;
    }

    private static String arguments(Fields function) {
        JsonNode written = function.get("arguments");
        ObjectNode arguments = ToolCalls.arguments(written);
        if (arguments == null) {
            throw function.wrong("arguments", "must be a JSON object as a string");
        }
        // escapes inside the string
        Json.whole(arguments, function.name("arguments"));
        return written == null || written.isObject() || arguments.isEmpty() ? Json.text(arguments) : written.textValue();
    }

    /** With their texts as they may reach the model. */
    static List<Message> reviewed(List<Message> messages, UnaryOperator<String> review) {
        return messages.stream().map(message -> {
            String content = review.apply(message.content());
            return new Message(message.role(), content, review.apply(message.reasoning()), message.toolCalls().stream().map(call -> reviewed(call, review)).toList(),
                    review.apply(message.toolCallId()), review.apply(message.name()), content.isEmpty() ? message.written() : Message.Written.TEXT);
        }).toList();
    }

    private static ToolCall reviewed(ToolCall call, UnaryOperator<String> review) {
        JsonNode before = Json.parse(call.arguments());
        JsonNode after = JsonReview.each(before, review);
        // what is not changed keeps its own spaces
        return new ToolCall(review.apply(call.id()), review.apply(call.name()), after.equals(before) ? call.arguments() : Json.text(after), call.object());
    }

    /** What a template reads: as it is where the template knows tools, else with tools, calls and results in words. */
    static Conversation conversation(List<Message> messages, ToolChoice tools, String template) {
        if (template.contains("tools") || tools.tools().isEmpty() && messages.stream().allMatch(message -> message.toolCalls().isEmpty() && message.role() != Role.TOOL)) {
            return new Conversation(messages, tools.texts());
        }
        List<Message> told = new ArrayList<>();
        String system = "";
        for (Message message : messages) {
            if (message.role() == Role.SYSTEM && told.isEmpty()) {
                system += message.content() + "\n\n";
            } else if (message.role() == Role.TOOL) {
                told.add(Message.user("<tool_response>\n" + message.content() + "\n</tool_response>"));
            } else if (!message.toolCalls().isEmpty()) {
                var text = new StringBuilder(message.content());
                message.toolCalls().forEach(call -> text.append(text.isEmpty() ? "" : "\n").append("<tool_call>\n").append(Json.text(
                        Json.object().put("name", call.name()).set("arguments", Json.parse(call.arguments())))).append("\n</tool_call>"));
                told.add(Message.assistant(text.toString()));
            } else {
                told.add(message);
            }
        }
        if (!tools.tools().isEmpty()) {
            system += "You may call these functions:\n" + String.join("\n", tools.texts())
                    + "\nTo call one, write <tool_call>{\"name\": its name, \"arguments\": an object}</tool_call> and nothing else.";
        }
        if (!system.isBlank()) {
            told.addFirst(Message.system(system.strip()));
        }
        return new Conversation(told, List.of());
    }
}
