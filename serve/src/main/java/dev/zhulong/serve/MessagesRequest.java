package dev.zhulong.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;

/** Requests of Anthropic's Messages API, as the chats they ask for (the API's reference of version 2023-06-01). */
final class MessagesRequest {
    private static final int MOST = 10_000;
    private static final int MOST_STOPS = 16;
    /** Fields that mean the same in both. */
    private static final List<String> SAME = List.of("model", "stream", "temperature", "top_p", "top_k", "min_p", "seed", "precision", "repetition_penalty");
    /** What only their own servers have: whoever sends them relies on it. */
    private static final List<String> REFUSED = List.of("mcp_servers", "container");

    private MessagesRequest() {}

    /**
     * The chat.
     *
     * @param answers whether it is to be answered, and not only counted
     * @throws ApiException that names the field which is wrong
     */
    static Fields chat(Fields body, boolean answers) {
        for (String field : REFUSED) {
            if (body.has(field) && !body.get(field).isEmpty()) {
                throw body.wrong(field, "is not supported: this server runs nothing beside the model");
            }
        }
        ObjectNode chat = Json.object();
        SAME.stream().filter(body::has).forEach(field -> chat.set(field, body.get(field)));
        if (answers) {
            if (!body.has("max_tokens")) {
                throw body.wrong("max_tokens", "is missing");
            }
            chat.set("max_tokens", body.get("max_tokens"));
        }
        List<String> stops = body.texts("stop_sequences", MOST_STOPS);
        if (!stops.isEmpty()) {
            ArrayNode stop = chat.putArray("stop");
            stops.forEach(stop::add);
        }
        messages(body, chat.putArray("messages"));
        tools(body, chat);
        output(body, chat);
        return Fields.of(chat);
    }

    private static void messages(Fields body, ArrayNode messages) {
        JsonNode system = body.get("system");
        if (system != null) {
            messages.addObject().put("role", "system").put("content", text(system, body, "system"));
        }
        List<JsonNode> nodes = body.list("messages", MOST);
        if (nodes.isEmpty()) {
            throw body.wrong("messages", "must have at least one message");
        }
        for (int i = 0; i < nodes.size(); i++) {
            Fields message = Fields.of(nodes.get(i), "messages[" + i + "]");
            switch (message.required("role")) {
                case "user" -> user(message, messages);
                case "assistant" -> {
                    if (i + 1 == nodes.size()) {
                        throw message.wrong("role", "must not be assistant in the last message: answers are not continued here, give their beginning to the user's message");
                    }
                    assistant(message, messages);
                }
                case "system" -> messages.addObject().put("role", "system").put("content", text(content(message), message, "content"));
                default -> throw message.wrong("role", "must be user or assistant");
            }
        }
    }

    private static JsonNode content(Fields message) {
        JsonNode content = message.get("content");
        if (content == null) {
            throw message.wrong("content", "is missing");
        }
        return content;
    }

    /** A text, or blocks of text, one after the other. */
    private static String text(JsonNode content, Fields holder, String field) {
        if (content.isTextual()) {
            return content.textValue();
        }
        var text = new StringBuilder();
        List<JsonNode> blocks = holder.list(field, MOST);
        for (int i = 0; i < blocks.size(); i++) {
            Fields block = Fields.of(blocks.get(i), holder.name(field) + "[" + i + "]");
            String type = block.required("type");
            if (!type.equals("text")) {
                throw unread(block, type);
            }
            text.append(block.required("text"));
        }
        return text.toString();
    }

    private static ApiException unread(Fields block, String type) {
        return block.wrong("type", "is \"" + Json.shortened(type) + "\": this model reads text alone");
    }

    /** What tools answered are messages of their own; texts around them stay where they are. */
    private static void user(Fields message, ArrayNode messages) {
        JsonNode content = content(message);
        if (!content.isArray()) {
            messages.addObject().put("role", "user").put("content", message.required("content"));
            return;
        }
        var said = new StringBuilder();
        boolean any = false;
        List<JsonNode> blocks = message.list("content", MOST);
        for (int i = 0; i < blocks.size(); i++) {
            Fields block = Fields.of(blocks.get(i), message.name("content[" + i + "]"));
            String type = block.required("type");
            switch (type) {
                case "text" -> {
                    said.append(block.required("text"));
                    any = true;
                }
                case "tool_result" -> {
                    if (any) {
                        messages.addObject().put("role", "user").put("content", said.toString());
                        said.setLength(0);
                        any = false;
                    }
                    String told = block.has("content") ? text(block.get("content"), block, "content") : "";
                    messages.addObject().put("role", "tool").put("tool_call_id", block.required("tool_use_id"))
                            .put("content", block.flag("is_error", false) ? "Error: " + told : told);
                }
                default -> throw unread(block, type);
            }
        }
        if (any || blocks.isEmpty()) {
            messages.addObject().put("role", "user").put("content", said.toString());
        }
    }

    private static void assistant(Fields message, ArrayNode messages) {
        ObjectNode told = messages.addObject().put("role", "assistant");
        if (!content(message).isArray()) {
            told.put("content", message.required("content"));
            return;
        }
        var said = new StringBuilder();
        var thought = new StringBuilder();
        List<JsonNode> blocks = message.list("content", MOST);
        for (int i = 0; i < blocks.size(); i++) {
            Fields block = Fields.of(blocks.get(i), message.name("content[" + i + "]"));
            String type = block.required("type");
            switch (type) {
                case "text" -> said.append(block.required("text"));
                case "thinking" -> thought.append(block.text("thinking", ""));
                // what others have made unreadable
                case "redacted_thinking" -> {}
                case "tool_use" -> {
                    Fields input = block.object("input");
                    ObjectNode call = told.withArray("tool_calls").addObject().put("id", block.text("id", "")).put("type", "function");
                    call.putObject("function").put("name", block.required("name")).set("arguments", input == null ? Json.object() : block.get("input"));
                }
                default -> throw unread(block, type);
            }
        }
        told.put("content", said.isEmpty() && told.has("tool_calls") ? null : said.toString());
        if (!thought.isEmpty()) {
            told.put("reasoning_content", thought.toString());
        }
    }

    private static void tools(Fields body, ObjectNode chat) {
        List<JsonNode> nodes = body.list("tools", MOST);
        for (int i = 0; i < nodes.size(); i++) {
            Fields tool = Fields.of(nodes.get(i), "tools[" + i + "]");
            String type = tool.text("type", "custom");
            if (!type.equals("custom")) {
                throw tool.wrong("type", "is \"" + Json.shortened(type) + "\": this server runs no tools, give one of type custom with its input_schema");
            }
            ObjectNode function = chat.withArray("tools").addObject().put("type", "function").putObject("function").put("name", tool.required("name"));
            if (tool.has("description")) {
                function.put("description", tool.required("description"));
            }
            if (tool.object("input_schema") == null) {
                throw tool.wrong("input_schema", "is missing");
            }
            function.set("parameters", tool.get("input_schema"));
        }
        Fields choice = body.object("tool_choice");
        chat.put("parallel_tool_calls", choice == null || !choice.flag("disable_parallel_tool_use", false));
        if (choice == null) {
            return;
        }
        switch (choice.required("type")) {
            case "auto" -> chat.put("tool_choice", "auto");
            case "none" -> chat.put("tool_choice", "none");
            case "any" -> chat.put("tool_choice", "required");
            case "tool" -> chat.putObject("tool_choice").put("type", "function").putObject("function").put("name", choice.required("name"));
            default -> throw choice.wrong("type", "must be auto, any, tool or none");
        }
    }

    /** A form of the answer, by its name of today or by that of before. */
    private static void output(Fields body, ObjectNode chat) {
        Fields output = body.object("output_config");
        if (output != null && output.has("effort")) {
            chat.put("reasoning_effort", output.required("effort"));
        }
        Fields format = output != null && output.has("format") ? output.object("format") : body.object("output_format");
        if (format == null) {
            return;
        }
        if (!format.required("type").equals("json_schema")) {
            throw format.wrong("type", "must be json_schema");
        }
        if (!format.has("schema")) {
            throw format.wrong("schema", "is missing");
        }
        chat.putObject("response_format").put("type", "json_schema").putObject("json_schema").put("name", "answer").set("schema", format.get("schema"));
    }
}
