package dev.zhulong.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

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
    /** Where the arguments of tool 0, 1, … stand in the schema of all calls. */
    private static final String ARGUMENTS = "arguments";
    private static final Pattern PLACE = Pattern.compile("#/\\$defs/" + ARGUMENTS + "(\\d+)");
    /** Keywords whose values are no schemas: a {@code $ref} in them is no reference. */
    private static final Set<String> LITERAL = Set.of("const", "enum", "default", "examples", "example");
    /** Keywords whose values are objects of schemas by names, which may be called as keywords are. */
    private static final Set<String> BY_NAME = Set.of("properties", "$defs", "definitions", "patternProperties", "dependentSchemas");
    private static final Set<String> KEYS = Set.of("type", "function", "name", "description", "parameters", "strict");

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
                    throw request.wrong("tool_choice", "is \"required\", but there are no tools");
                }
                yield new ToolChoice(tools, Set.copyOf(tools.keySet()), many);
            }
            default -> throw request.wrong("tool_choice", "must be \"none\", \"auto\", \"required\" or {\"type\": \"function\", \"function\": {\"name\": …}}");
        };
    }

    /**
     * With all that is said about the functions as it may reach the model.
     *
     * @throws ApiException where a function's name may not, which cannot be another one
     */
    ToolChoice reviewed(UnaryOperator<String> review) {
        Map<String, ObjectNode> told = new LinkedHashMap<>();
        tools.forEach((name, tool) -> {
            if (!review.apply(name).equals(name)) {
                throw ApiException.invalid("tools", "content_filter", "the name of the function " + name + " is against the rules: give it another one");
            }
            ObjectNode copy = reviewed(tool, Set.of("type", "function"), review);
            copy.set("function", reviewed((ObjectNode) tool.get("function"), Set.of("name"), review));
            told.put(name, copy);
        });
        return new ToolChoice(told, forced, many);
    }

    /** An object with all but the fields {@code kept} as {@code review} has them, and fields that OpenAI's API knows called as before. */
    private static ObjectNode reviewed(ObjectNode tree, Set<String> kept, UnaryOperator<String> review) {
        ObjectNode told = Json.object();
        for (Map.Entry<String, JsonNode> field : tree.properties()) {
            String key = field.getKey();
            if (kept.contains(key)) {
                told.set(key, field.getValue());
            } else {
                told.set(KEYS.contains(key) ? key : review.apply(key), JsonReview.each(field.getValue(), review));
            }
        }
        return told;
    }

    /** The functions as texts, for a template. */
    List<String> texts() {
        return tools.values().stream().map(Json::text).toList();
    }

    /** A schema of JSON that calls what must be called. */
    String schema() {
        ObjectNode root = Json.object();
        ObjectNode defs = root.putObject("$defs");
        ArrayNode calls = (many ? root.put("type", "array").put("minItems", 1).put("maxItems", MOST_CALLS).putObject("items") : root).putArray("anyOf");
        int index = 0;
        for (Map.Entry<String, ObjectNode> tool : tools.entrySet()) {
            String id = ARGUMENTS + index++;
            if (forced.contains(tool.getKey())) {
                JsonNode parameters = tool.getValue().get("function").path("parameters");
                defs.set(id, parameters.isObject() ? moved(parameters, "#/$defs/" + id) : Json.object());
                ObjectNode call = calls.addObject().put("type", "object");
                // in the order in which they are written
                ObjectNode properties = call.putObject("properties");
                properties.putObject("name").put("const", tool.getKey());
                properties.putObject("arguments").put("type", "object").put("$ref", "#/$defs/" + id);
                call.putArray("required").add("name").add("arguments");
                call.put("additionalProperties", false);
            }
        }
        return Json.text(root);
    }

    /** The field of the request that a message about {@link #schema} is about. */
    static String field(String message) {
        Matcher place = PLACE.matcher(message);
        return place.find() ? "tools[" + place.group(1) + "].function.parameters" : "tools";
    }

    /** Such a message with places as they are in that field. */
    static String own(String message) {
        return PLACE.matcher(message).replaceAll("#");
    }

    private static JsonNode moved(JsonNode parameters, String to) {
        ObjectNode own = parameters.deepCopy();
        move(own, to);
        return own;
    }

    /** Points references to the schema's own root to where it stands now. */
    private static void move(JsonNode schema, String to) {
        if (schema instanceof ObjectNode object) {
            for (String key : object.properties().stream().map(Map.Entry::getKey).toList()) {
                JsonNode value = object.get(key);
                if (key.equals("$ref") && (value.asText().equals("#") || value.asText().startsWith("#/"))) {
                    object.put(key, to + value.textValue().substring(1));
                } else if (BY_NAME.contains(key)) {
                    value.forEach(each -> move(each, to));
                } else if (!LITERAL.contains(key)) {
                    move(value, to);
                }
            }
        } else if (schema.isArray()) {
            schema.forEach(element -> move(element, to));
        }
    }
}
