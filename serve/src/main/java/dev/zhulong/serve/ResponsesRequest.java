package dev.zhulong.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;

/**
 * A request of OpenAI's Responses API, as the chat it asks for.
 *
 * @param body     as it came
 * @param chat     that it asks for
 * @param messages of the chat, without instructions, which the next request does not inherit
 */
record ResponsesRequest(Fields body, Fields chat, ArrayNode messages) {
    private static final int MOST = 10_000;
    private static final String LOG_PROBS = "message.output_text.logprobs";
    /** Fields that mean the same in both. */
    private static final List<String> SAME = List.of("model", "stream", "temperature", "top_p", "top_k", "min_p", "seed", "stop", "precision", "repetition_penalty", "tool_choice");
    /** What only their own server has: whoever sends them relies on it. */
    private static final List<String> REFUSED = List.of("conversation", "prompt");

    /**
     * Reads a request.
     *
     * @throws ApiException that names the field which is wrong
     */
    static ResponsesRequest read(Fields body, KeptResponses kept, String tenant) {
        for (String field : REFUSED) {
            if (body.has(field)) {
                throw body.wrong(field, "is not supported: send the conversation in input, or go on from previous_response_id");
            }
        }
        if (body.flag("background", false)) {
            throw body.wrong("background", "is not supported: a response is told while the request waits");
        }
        body.flag("store", true);
        ObjectNode chat = Json.object();
        SAME.stream().filter(body::has).forEach(field -> chat.set(field, body.get(field)));
        Long most = body.integer("max_output_tokens", 1, Integer.MAX_VALUE, null);
        if (most != null) {
            chat.put("max_tokens", most);
        }
        ArrayNode messages = before(body, kept, tenant);
        input(body, messages);
        ArrayNode all = chat.putArray("messages");
        String instructions = body.text("instructions", null);
        if (instructions != null) {
            all.addObject().put("role", "system").put("content", instructions);
        }
        all.addAll(messages);
        tools(body, chat);
        form(body, chat);
        Fields reasoning = body.object("reasoning");
        if (reasoning != null && reasoning.has("effort")) {
            chat.put("reasoning_effort", reasoning.required("effort"));
        }
        if (body.texts("include", MOST).contains(LOG_PROBS)) {
            chat.put("logprobs", true).put("top_logprobs", body.integer("top_logprobs", 0, Requests.MOST_LOG_PROBS, 0L));
        }
        return new ResponsesRequest(body, Fields.of(chat), messages);
    }

    private static ArrayNode before(Fields body, KeptResponses kept, String tenant) {
        String id = body.text("previous_response_id", null);
        if (id == null) {
            return Json.object().putArray("messages");
        }
        KeptResponses.Kept previous = kept.get(tenant, id);
        if (previous == null) {
            throw ApiException.invalid("previous_response_id", "previous_response_not_found", "there is no response '" + Json.shortened(id)
                    + "' here: the latest are kept while the server runs, unless \"store\" is false; send the whole conversation in input");
        }
        return previous.messages().deepCopy();
    }

    private static void input(Fields body, ArrayNode messages) {
        JsonNode input = body.get("input");
        if (input == null) {
            throw body.wrong("input", "is missing");
        }
        if (!input.isArray()) {
            messages.addObject().put("role", "user").put("content", body.required("input"));
            return;
        }
        List<JsonNode> items = body.list("input", MOST);
        if (items.isEmpty()) {
            throw body.wrong("input", "must not be empty");
        }
        for (int i = 0; i < items.size(); i++) {
            Fields item = Fields.of(items.get(i), "input[" + i + "]");
            String type = item.text("type", "message");
            switch (type) {
                case "message" -> message(item, messages);
                case "function_call" -> call(item, messages);
                case "function_call_output" -> messages.addObject().put("role", "tool").put("tool_call_id", item.required("call_id")).put("content", text(item, "output"));
                // what was thought is not given to a model again
                case "reasoning" -> {}
                default -> throw item.wrong("type", "is \"" + Json.shortened(type) + "\": only message, function_call, function_call_output and reasoning are read");
            }
        }
    }

    private static void message(Fields item, ArrayNode messages) {
        String role = item.required("role");
        switch (role) {
            case "user", "assistant", "system", "developer" -> messages.addObject().put("role", role).put("content", text(item, "content"));
            default -> throw item.wrong("role", "must be user, assistant, system or developer");
        }
    }

    /** Calls belong to what the assistant said before them. */
    private static void call(Fields item, ArrayNode messages) {
        JsonNode last = messages.get(messages.size() - 1);
        ObjectNode said = last != null && last.get("role").asText().equals("assistant") ? (ObjectNode) last : messages.addObject().put("role", "assistant").putNull("content");
        ObjectNode call = said.withArray("tool_calls").addObject().put("id", item.required("call_id")).put("type", "function");
        String arguments = item.text("arguments", "{}");
        if (ToolCalls.arguments(Json.object().put("a", arguments).get("a")) == null) {
            throw item.wrong("arguments", "must be a JSON object as a string");
        }
        call.putObject("function").put("name", item.required("name")).put("arguments", arguments);
    }

    /** A string, or parts that are texts, one after the other. */
    private static String text(Fields item, String field) {
        JsonNode content = item.get(field);
        if (content == null) {
            throw item.wrong(field, "is missing");
        }
        if (!content.isArray()) {
            return item.required(field);
        }
        var text = new StringBuilder();
        List<JsonNode> parts = item.list(field, MOST);
        for (int i = 0; i < parts.size(); i++) {
            Fields part = Fields.of(parts.get(i), item.name(field) + "[" + i + "]");
            String type = part.required("type");
            text.append(switch (type) {
                case "input_text", "output_text", "text" -> part.required("text");
                case "refusal" -> part.required("refusal");
                default -> throw part.wrong("type", "is \"" + Json.shortened(type) + "\": this model reads text alone");
            });
        }
        return text.toString();
    }

    private static void tools(Fields body, ObjectNode chat) {
        List<JsonNode> nodes = body.list("tools", MOST);
        for (int i = 0; i < nodes.size(); i++) {
            Fields tool = Fields.of(nodes.get(i), "tools[" + i + "]");
            String type = tool.required("type");
            if (!type.equals("function")) {
                throw tool.wrong("type", "is \"" + Json.shortened(type) + "\": this server runs no tools, give one of type function with its parameters");
            }
            ObjectNode function = chat.withArray("tools").addObject().put("type", type).putObject("function").put("name", tool.required("name"));
            for (String field : List.of("description", "parameters", "strict")) {
                if (tool.has(field)) {
                    function.set(field, tool.get(field));
                }
            }
        }
        chat.put("parallel_tool_calls", body.flag("parallel_tool_calls", true));
        JsonNode choice = body.get("tool_choice");
        if (choice != null && choice.isObject()) {
            Fields named = Fields.of(choice, "tool_choice");
            if (!named.required("type").equals("function")) {
                throw named.wrong("type", "must be function");
            }
            chat.putObject("tool_choice").put("type", "function").putObject("function").put("name", named.required("name"));
        }
    }

    private static void form(Fields body, ObjectNode chat) {
        Fields text = body.object("text");
        Fields format = text == null ? null : text.object("format");
        if (format == null) {
            return;
        }
        ObjectNode wanted = chat.putObject("response_format").put("type", format.required("type"));
        if (format.required("type").equals("json_schema")) {
            if (!format.has("schema")) {
                throw format.wrong("schema", "is missing");
            }
            ObjectNode schema = wanted.putObject("json_schema").put("name", format.text("name", "answer")).put("strict", format.flag("strict", false));
            schema.set("schema", format.get("schema"));
        }
    }
}
