package dev.zhulong.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Map;

/** Requests of Ollama's {@code /api/chat} and {@code /api/generate}, as the chats or texts they ask for. */
final class OllamaRequest {
    private static final int MOST = 10_000;
    private static final int MOST_STOPS = 16;
    /** What every name may end in there. */
    private static final String TAG = ":latest";
    /** Of {@code options}, by their names here; the others say how a model is run, which the server decides. */
    private static final Map<String, String> OPTIONS = Map.of("temperature", "temperature", "top_k", "top_k", "top_p", "top_p", "min_p", "min_p", "typical_p", "typical_p",
            "seed", "seed", "presence_penalty", "presence_penalty", "frequency_penalty", "frequency_penalty", "repeat_penalty", "repetition_penalty");

    private OllamaRequest() {}

    /** A model's name without the tag that says nothing. */
    static String model(Fields body) {
        String name = body.required("model");
        return name.endsWith(TAG) ? name.substring(0, name.length() - TAG.length()) : name;
    }

    /** Whether a model is only to be made ready, which it is. */
    static boolean isEmpty(Fields body, String field) {
        JsonNode asked = body.get(field);
        return asked == null || asked.isTextual() && asked.textValue().isEmpty() || asked.isArray() && asked.isEmpty();
    }

    static Fields chat(Fields body) {
        ObjectNode chat = common(body);
        ArrayNode messages = chat.putArray("messages");
        List<JsonNode> nodes = body.list("messages", MOST);
        for (int i = 0; i < nodes.size(); i++) {
            Fields message = Fields.of(nodes.get(i), "messages[" + i + "]");
            noImages(message);
            ObjectNode told = messages.addObject().put("role", message.required("role")).put("content", message.text("content", ""));
            if (message.has("thinking")) {
                told.put("reasoning_content", message.required("thinking"));
            }
            if (message.has("tool_name")) {
                told.put("name", message.required("tool_name"));
            }
            if (message.has("tool_calls")) {
                told.set("tool_calls", message.get("tool_calls"));
            }
        }
        if (body.has("tools")) {
            chat.set("tools", body.get("tools"));
        }
        return Fields.of(chat);
    }

    /** Whether a prompt is the model's own text, and nothing that a user says. */
    static boolean isRaw(Fields body) {
        return body.flag("raw", false) || !body.text("suffix", "").isEmpty();
    }

    static Fields generate(Fields body) {
        noImages(body);
        for (String field : List.of("context", "template")) {
            if (!isEmpty(body, field)) {
                throw body.wrong(field, "is not supported: " + (field.equals("context") ? "send the conversation to /api/chat" : "give the whole text as prompt, with \"raw\": true"));
            }
        }
        ObjectNode asked = common(body);
        String prompt = body.required("prompt");
        if (isRaw(body)) {
            asked.put("prompt", prompt);
            if (!body.text("suffix", "").isEmpty()) {
                asked.put("suffix", body.required("suffix"));
            }
            if (!asked.has("max_tokens")) {
                asked.put("max_tokens", Integer.MAX_VALUE);
            }
            return Fields.of(asked);
        }
        ArrayNode messages = asked.putArray("messages");
        if (!body.text("system", "").isEmpty()) {
            messages.addObject().put("role", "system").put("content", body.required("system"));
        }
        messages.addObject().put("role", "user").put("content", prompt);
        return Fields.of(asked);
    }

    private static void noImages(Fields holder) {
        if (!holder.list("images", MOST).isEmpty()) {
            throw holder.wrong("images", "are not supported: this model reads text alone");
        }
    }

    private static ObjectNode common(Fields body) {
        if (body.flag("logprobs", false)) {
            throw body.wrong("logprobs", "is not supported: ask /v1/chat/completions for them");
        }
        ObjectNode asked = Json.object().put("model", model(body)).put("stream", body.flag("stream", true));
        Fields options = body.object("options");
        if (options != null) {
            OPTIONS.forEach((theirs, ours) -> {
                if (options.has(theirs)) {
                    asked.set(ours, options.get(theirs));
                }
            });
            List<String> stops = options.texts("stop", MOST_STOPS);
            if (!stops.isEmpty()) {
                ArrayNode stop = asked.putArray("stop");
                stops.forEach(stop::add);
            }
            long most = options.integer("num_predict", -2, Integer.MAX_VALUE, -1L);
            // below 0: as many as there is room for
            if (most > 0) {
                asked.put("max_tokens", most);
            } else if (most == 0) {
                throw options.wrong("num_predict", "must not be 0: leave it out, or ask for at least one token");
            }
        }
        JsonNode format = body.get("format");
        if (format != null && format.isObject()) {
            asked.putObject("response_format").put("type", "json_schema").putObject("json_schema").put("name", "answer").set("schema", format);
        } else if (!body.text("format", "").isEmpty()) {
            if (!body.required("format").equals("json")) {
                throw body.wrong("format", "must be \"json\" or a JSON schema");
            }
            asked.putObject("response_format").put("type", "json_object");
        }
        return asked;
    }
}
