package dev.zhulong.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;

/**
 * The tools of a chat request and what is to be done with them.
 *
 * @param tools  functions by name, each as OpenAI writes it; empty where none may be called
 * @param forced names of those of which one must be called; empty where the model is free
 * @param many   whether it may be called several at once
 */
record ToolChoice(Map<String, ObjectNode> tools, Set<String> forced, boolean many) {
    private static final int MOST = 128;
    private static final int MOST_CALLS = 16;
    /** Values in which a key called {@code $ref} is no reference. */
    private static final Set<String> LITERAL = Set.of("const", "enum", "default", "examples");

    static ToolChoice read(Fields request) {
        Map<String, ObjectNode> tools = new LinkedHashMap<>();
        for (JsonNode node : request.list("tools", MOST)) {
            Fields tool = Fields.of(node, "tools[" + tools.size() + "]");
            if (!"function".equals(tool.text("type", "function"))) {
                throw tool.wrong("type", "must be \"function\"");
            }
            Fields function = tool.object("function");
            if (function == null) {
                throw tool.wrong("function", "is missing");
            }
            String name = function.required("name");
            if (!name.matches("[A-Za-z0-9_.-]{1,64}")) {
                throw function.wrong("name", "must have 1 to 64 letters, digits, '_', '-' or '.'");
            }
            function.text("description", null);
            function.object("parameters");
            if (tools.put(name, (ObjectNode) node) != null) {
                throw function.wrong("name", "occurs twice: " + name);
            }
        }
        boolean many = request.flag("parallel_tool_calls", false);
        JsonNode choice = request.get("tool_choice");
        if (choice == null) {
            return new ToolChoice(tools, Set.of(), many);
        }
        if (choice.isObject()) {
            Fields named = Fields.of(choice, "tool_choice").object("function");
            String name = named == null ? "" : named.required("name");
            if (!tools.containsKey(name)) {
                throw request.wrong("tool_choice", "names no function of tools");
            }
            return new ToolChoice(tools, Set.of(name), false);
        }
        return switch (choice.isTextual() ? choice.textValue() : "") {
            case "auto" -> new ToolChoice(tools, Set.of(), many);
            case "none" -> new ToolChoice(Map.of(), Set.of(), false);
            case "required" -> {
                if (tools.isEmpty()) {
                    throw request.wrong("tool_choice", "is \"required\" and there are no tools");
                }
                yield new ToolChoice(tools, Set.copyOf(tools.keySet()), many);
            }
            default -> throw request.wrong("tool_choice", "must be \"none\", \"auto\", \"required\" or {\"type\": \"function\", \"function\": {\"name\": …}}");
        };
    }

    /** With what is said about the functions, but for their names, as it may reach the model. */
    ToolChoice reviewed(UnaryOperator<String> review) {
        Map<String, ObjectNode> told = new LinkedHashMap<>();
        tools.forEach((name, tool) -> {
            ObjectNode copy = tool.deepCopy();
            var function = (ObjectNode) copy.get("function");
            for (String part : List.of("description", "parameters")) {
                if (function.has(part)) {
                    function.set(part, JsonReview.each(function.get(part), review));
                }
            }
            told.put(name, copy);
        });
        return new ToolChoice(told, forced, many);
    }

    /** The functions as texts, for a template. */
    List<String> texts() {
        return tools.values().stream().map(Json::text).toList();
    }

    /**
     * A schema of JSON that calls what must be called.
     *
     * @param loose takes any object for the arguments of a function that does not say it is strict
     */
    String schema(boolean loose) {
        ObjectNode root = Json.object();
        ObjectNode defs = root.putObject("$defs");
        ArrayNode calls = (many ? root.put("type", "array").put("minItems", 1).put("maxItems", MOST_CALLS).putObject("items") : root).putArray("anyOf");
        for (Map.Entry<String, ObjectNode> tool : tools.entrySet()) {
            if (forced.contains(tool.getKey())) {
                String id = "arguments" + calls.size();
                defs.set(id, arguments(tool.getValue().get("function"), id, loose));
                ObjectNode call = calls.addObject().put("type", "object");
                call.putObject("properties").setAll(Map.of("name", Json.object().put("const", tool.getKey()), "arguments", Json.object().put("$ref", "#/$defs/" + id)));
                call.putArray("required").add("name").add("arguments");
                call.put("additionalProperties", false);
            }
        }
        return Json.text(root);
    }

    private static JsonNode arguments(JsonNode function, String id, boolean loose) {
        JsonNode parameters = function.path("parameters");
        if (!parameters.isObject() || loose && !function.path("strict").asBoolean()) {
            return Json.object().put("type", "object");
        }
        ObjectNode own = parameters.deepCopy();
        own.remove("$schema");
        if (!own.has("type")) {
            own.put("type", "object");
        }
        moved(own, "#/$defs/" + id);
        return own;
    }

    /** Points references to the schema's own root to where it stands now. */
    private static void moved(JsonNode schema, String to) {
        if (schema instanceof ObjectNode object) {
            for (String key : new ArrayList<>(object.properties().stream().map(Map.Entry::getKey).toList())) {
                JsonNode value = object.get(key);
                if (key.equals("$ref") && value.isTextual() && value.textValue().startsWith("#")) {
                    object.put(key, to + value.textValue().substring(1));
                } else if (!LITERAL.contains(key)) {
                    moved(value, to);
                }
            }
        } else if (schema.isArray()) {
            schema.forEach(element -> moved(element, to));
        }
    }
}
