package dev.zhulong.data.tune;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.text.chat.ToolCall;
import java.util.ArrayList;
import java.util.List;

/** Tools and their calls, in the forms of OpenAI (old and new) and of ShareGPT. */
final class ToolCalls {
    private ToolCalls() { }

    /** Calls of a message: {@code tool_calls}, or the older {@code function_call}. */
    static List<ToolCall> of(JsonNode message) {
        JsonNode calls = Json.unfolded(message.path("tool_calls"));
        if (calls.isArray() && !calls.isEmpty()) {
            return each(calls);
        }
        JsonNode old = Json.unfolded(message.path("function_call"));
        return old.isObject() ? List.of(call(old)) : List.of();
    }

    /** Calls that a turn spells as JSON: one object or an array of them. */
    static List<ToolCall> spelled(String value) {
        JsonNode node = Json.container(value).orElseThrow(() -> new RowRefused("a tool call is not JSON", value));
        return node.isArray() ? each(node) : List.of(call(node));
    }

    private static List<ToolCall> each(JsonNode calls) {
        var list = new ArrayList<ToolCall>();
        for (JsonNode call : calls) {
            list.add(call(call));
        }
        return list;
    }

    private static ToolCall call(JsonNode node) {
        JsonNode function = node.path("function").isObject() ? node.path("function") : node;
        String name = Json.textOrEmpty(function.path("name"), "name");
        if (name.isBlank()) {
            throw new RowRefused("a tool call without a name", node.toString());
        }
        JsonNode arguments = function.has("arguments") ? function.path("arguments") : function.path("parameters");
        JsonNode object = arguments.isMissingNode() || arguments.isNull() || arguments.isTextual() && arguments.textValue().isBlank()
                ? JsonNodeFactory.instance.objectNode() : Json.unfolded(arguments);
        if (!object.isObject()) {
            throw new RowRefused("arguments of a tool call are not a JSON object", arguments.toString());
        }
        return new ToolCall(Json.textOrEmpty(node.path("id"), "id"), name, arguments.isTextual() && !arguments.textValue().isBlank()
                ? arguments.textValue() : object.toString(), !arguments.isTextual());
    }

    /** A row's tools, each as OpenAI writes it; bare functions are put into that form. */
    static List<String> tools(JsonNode field) {
        JsonNode tools = Json.unfolded(field);
        if (tools.isMissingNode() || tools.isNull() || tools.isTextual() && tools.textValue().isBlank()) {
            return List.of();
        }
        if (!tools.isArray()) {
            throw new RowRefused("tools are not a JSON array", tools.toString());
        }
        var list = new ArrayList<String>();
        for (JsonNode each : tools) {
            JsonNode tool = Json.unfolded(each);
            if (!tool.isObject()) {
                throw new RowRefused("a tool is not a JSON object", tool.toString());
            }
            list.add(tool.has("function") || !tool.has("name") ? tool.toString()
                    : JsonNodeFactory.instance.objectNode().put("type", "function").<ObjectNode>set("function", tool)
                            .toString());
        }
        return list;
    }
}
