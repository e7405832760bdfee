package dev.zhulong.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/** Answers of OpenAI's {@code /v1/responses}: items, each a message or a call, one after the other. A whole answer is what the events of a stream come to. */
final class ResponsesShape extends Shape {
    private static final String TEXT = "output_text";
    private static final String REFUSAL = "refusal";

    private final ResponsesRequest request;
    private final KeptResponses kept;
    private final String tenant;
    private final long created = Instant.now().getEpochSecond();
    private final ArrayNode output = Json.object().putArray("output");
    private int sequence;
    /** The message that is written; null between messages. */
    private ObjectNode message;
    /** Its text that is written; null for none. */
    private StringBuilder text;
    private ArrayNode logProbs = Json.object().putArray("logprobs");
    private String finish;

    /** @param tenant whose the response is, where it is kept */
    ResponsesShape(ResponsesRequest request, KeptResponses kept, String tenant) {
        super("resp_", "");
        this.request = request;
        this.kept = kept;
        this.tenant = tenant;
    }

    @Override
    EventStream.Style style() {
        return EventStream.Style.NAMED;
    }

    @Override
    List<ObjectNode> opening(Usage usage) {
        return List.of(told("response.created", response("in_progress", null)), told("response.in_progress", response("in_progress", null)));
    }

    private ObjectNode told(String type, ObjectNode response) {
        ObjectNode event = event(type);
        event.set("response", response);
        return event;
    }

    private ObjectNode event(String type) {
        return Json.object().put("type", type).put("sequence_number", sequence++);
    }

    @Override
    List<ObjectNode> chunks(Delta delta, boolean begins) {
        List<ObjectNode> events = new ArrayList<>();
        if (!delta.text().isEmpty() || !delta.tokens().isEmpty()) {
            open(events);
            ObjectNode more = part("response.output_text.delta").put("delta", delta.text());
            ArrayNode tokens = more.putArray("logprobs");
            delta.tokens().forEach(token -> {
                ObjectNode each = token(token);
                ArrayNode top = each.putArray("top_logprobs");
                token.top().forEach(other -> top.add(token(other)));
                tokens.add(each);
            });
            logProbs.addAll(tokens);
            text.append(delta.text());
            events.add(more);
        }
        for (ToolCalls.Call call : delta.calls()) {
            close(events, "completed");
            call(call, events);
        }
        if (delta.refusal() != null) {
            refuse(delta.refusal(), events);
        }
        if (delta.finish() != null) {
            finish = delta.finish();
            if (output.isEmpty() && message == null) {
                open(events);
            }
            close(events, status());
        }
        return events;
    }

    private String status() {
        return "length".equals(finish) || "content_filter".equals(finish) ? "incomplete" : "completed";
    }

    /** Begins a message and its text, where none is written. */
    private void open(List<ObjectNode> events) {
        begin(events);
        if (text == null) {
            text = new StringBuilder();
            logProbs = Json.object().putArray("logprobs");
            events.add(with(part("response.content_part.added"), "part", text("")));
        }
    }

    private void begin(List<ObjectNode> events) {
        if (message == null) {
            message = Json.object().put("id", newId("msg_")).put("type", "message").put("status", "in_progress").put("role", "assistant");
            message.putArray("content");
            events.add(with(event("response.output_item.added").put("output_index", output.size()), "item", message.deepCopy()));
        }
    }

    private ObjectNode text(String written) {
        ObjectNode part = Json.object().put("type", TEXT).put("text", written);
        part.putArray("annotations");
        part.putArray("logprobs");
        return part;
    }

    /** An event about the part that is written. */
    private ObjectNode part(String type) {
        return event(type).put("item_id", message.get("id").textValue()).put("output_index", output.size()).put("content_index", message.get("content").size());
    }

    private static ObjectNode with(ObjectNode event, String field, JsonNode value) {
        event.set(field, value);
        return event;
    }

    private void closeText(List<ObjectNode> events) {
        if (text != null) {
            events.add(with(part("response.output_text.done").put("text", text.toString()), "logprobs", logProbs));
            ObjectNode whole = text(text.toString());
            whole.set("logprobs", logProbs);
            closePart(whole, events);
            text = null;
        }
    }

    private void closePart(ObjectNode part, List<ObjectNode> events) {
        events.add(with(part("response.content_part.done"), "part", part));
        message.withArray("content").add(part);
    }

    private void close(List<ObjectNode> events, String status) {
        if (message != null) {
            closeText(events);
            message.put("status", status);
            done(message, events);
            message = null;
        }
    }

    private void done(ObjectNode item, List<ObjectNode> events) {
        events.add(with(event("response.output_item.done").put("output_index", output.size()), "item", item));
        output.add(item);
    }

    private void refuse(String refusal, List<ObjectNode> events) {
        begin(events);
        closeText(events);
        ObjectNode part = Json.object().put("type", REFUSAL).put(REFUSAL, "");
        events.add(with(part("response.content_part.added"), "part", part.deepCopy()));
        events.add(part("response.refusal.delta").put("delta", refusal));
        events.add(part("response.refusal.done").put(REFUSAL, refusal));
        closePart(part.put(REFUSAL, refusal), events);
    }

    private void call(ToolCalls.Call call, List<ObjectNode> events) {
        String id = newId("fc_");
        ObjectNode item = Json.object().put("id", id).put("type", "function_call").put("status", "in_progress").put("call_id", newId("call_")).put("name", call.name())
                .put("arguments", "");
        events.add(with(event("response.output_item.added").put("output_index", output.size()), "item", item.deepCopy()));
        events.add(event("response.function_call_arguments.delta").put("item_id", id).put("output_index", output.size()).put("delta", call.arguments()));
        events.add(event("response.function_call_arguments.done").put("item_id", id).put("output_index", output.size()).put("name", call.name()).put("arguments", call.arguments()));
        done(item.put("status", "completed").put("arguments", call.arguments()), events);
    }

    @Override
    List<ObjectNode> ending(Usage usage) {
        return List.of(told("response." + status(), finished(usage)));
    }

    @Override
    ObjectNode whole(List<Delta> choices, Usage usage) {
        chunks(choices.getFirst(), true);
        return finished(usage);
    }

    /** The response as it is told and, where it is wanted, kept. */
    private ObjectNode finished(Usage usage) {
        ObjectNode response = response(status(), usage);
        if (request.body().flag("store", true)) {
            ArrayNode messages = request.messages().deepCopy();
            ObjectNode said = messages.addObject().put("role", "assistant");
            var content = new StringBuilder();
            for (JsonNode item : output) {
                item.path("content").forEach(part -> content.append(part.path("text").asText(part.path(REFUSAL).asText(""))));
                if (item.get("type").textValue().equals("function_call")) {
                    ObjectNode call = said.withArray("tool_calls").addObject().put("id", item.get("call_id").textValue()).put("type", "function");
                    call.putObject("function").put("name", item.get("name").textValue()).put("arguments", item.get("arguments").textValue());
                }
            }
            said.put("content", content.isEmpty() && said.has("tool_calls") ? null : content.toString());
            kept.put(id(), new KeptResponses.Kept(tenant, messages, response));
        }
        return response;
    }

    /** @param usage null while it is not known */
    private ObjectNode response(String status, Usage usage) {
        Fields body = request.body();
        ObjectNode tree = Json.object().put("id", id()).put("object", "response").put("created_at", created).put("status", status).put("background", false).putNull("error");
        if (status.equals("incomplete")) {
            tree.putObject("incomplete_details").put("reason", "length".equals(finish) ? "max_output_tokens" : "content_filter");
        } else {
            tree.putNull("incomplete_details");
        }
        echo(tree, body, "instructions", null);
        echo(tree, body, "max_output_tokens", null);
        tree.put("model", asked().model().name());
        tree.set("output", usage == null ? output.arrayNode() : output);
        tree.put("parallel_tool_calls", body.flag("parallel_tool_calls", true));
        echo(tree, body, "previous_response_id", null);
        echo(tree, body, "reasoning", Json.object().putNull("effort").putNull("summary"));
        tree.put("store", body.flag("store", true)).put("temperature", asked().options().sampler().temperature()).put("top_p", asked().options().sampler().topP());
        ObjectNode form = Json.object();
        form.putObject("format").put("type", "text");
        echo(tree, body, "text", form);
        echo(tree, body, "tool_choice", JsonNodeFactory.instance.textNode("auto"));
        echo(tree, body, "tools", Json.object().putArray("tools"));
        echo(tree, body, "metadata", Json.object());
        tree.put("truncation", "disabled").put("precision", asked().lane().precision().label());
        if (usage == null) {
            tree.putNull("usage");
        } else {
            ObjectNode took = tree.putObject("usage").put("input_tokens", usage.promptTokens());
            took.putObject("input_tokens_details").put("cached_tokens", usage.cachedTokens());
            took.put("output_tokens", usage.writtenTokens()).putObject("output_tokens_details").put("reasoning_tokens", 0);
            took.put("total_tokens", usage.promptTokens() + usage.writtenTokens());
        }
        return tree;
    }

    private static void echo(ObjectNode tree, Fields body, String field, JsonNode otherwise) {
        tree.set(field, body.has(field) ? body.get(field) : otherwise);
    }

    @Override
    ObjectNode problem(ApiException problem) {
        ObjectNode event = event("error");
        JsonNode error = problem.json().get("error");
        return event.put("code", error.path("code").asText(error.get("type").asText())).put("message", problem.getMessage()).put("param", error.path("param").textValue());
    }
}
