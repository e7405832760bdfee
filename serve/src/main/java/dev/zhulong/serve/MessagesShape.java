package dev.zhulong.serve;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;

/** Answers of Anthropic's {@code /v1/messages}: blocks of text and of calls, one after the other. */
final class MessagesShape extends Shape {
    private static final String TEXT = "text";
    private static final String CALL = "toolu_";

    /** Of the stream's block that is open, or was last. */
    private int block = -1;
    private boolean open;
    /** The last that was told; null before. */
    private Delta end;

    MessagesShape() {
        super("msg_", "");
    }

    @Override
    EventStream.Style style() {
        return EventStream.Style.NAMED;
    }

    @Override
    List<ObjectNode> opening(Usage usage) {
        ObjectNode event = event("message_start");
        ObjectNode message = message();
        message.putArray("content");
        end(message, null);
        message.set("usage", usage(usage));
        event.set("message", message);
        return List.of(event);
    }

    @Override
    List<ObjectNode> chunks(Delta delta, boolean begins) {
        List<ObjectNode> events = new ArrayList<>();
        if (!delta.text().isEmpty()) {
            if (!open) {
                open = true;
                events.add(started(Json.object().put("type", TEXT).put(TEXT, "")));
            }
            events.add(more(Json.object().put("type", "text_delta").put(TEXT, delta.text())));
        }
        for (ToolCalls.Call call : delta.calls()) {
            stop(events);
            open = true;
            ObjectNode use = call(call);
            use.putObject("input");
            events.add(started(use));
            events.add(more(Json.object().put("type", "input_json_delta").put("partial_json", call.arguments())));
            stop(events);
        }
        if (delta.finish() != null) {
            stop(events);
            end = delta;
        }
        return events;
    }

    private ObjectNode started(ObjectNode content) {
        ObjectNode event = event("content_block_start").put("index", ++block);
        event.set("content_block", content);
        return event;
    }

    private ObjectNode more(ObjectNode delta) {
        ObjectNode event = event("content_block_delta").put("index", block);
        event.set("delta", delta);
        return event;
    }

    private void stop(List<ObjectNode> events) {
        if (open) {
            events.add(event("content_block_stop").put("index", block));
            open = false;
        }
    }

    @Override
    List<ObjectNode> ending(Usage usage) {
        ObjectNode event = event("message_delta");
        end(event.putObject("delta"), end);
        event.set("usage", usage(usage));
        return List.of(event, event("message_stop"));
    }

    @Override
    ObjectNode whole(List<Delta> choices, Usage usage) {
        Delta choice = choices.getFirst();
        ObjectNode message = message();
        ArrayNode content = message.putArray("content");
        if (!(choice.calls().isEmpty() ? choice.text().isEmpty() : choice.text().isBlank())) {
            content.addObject().put("type", TEXT).put(TEXT, choice.text());
        }
        choice.calls().forEach(call -> content.add(call(call).set("input", Json.parse(call.arguments()))));
        end(message, choice);
        message.set("usage", usage(usage));
        return message;
    }

    private ObjectNode message() {
        return Json.object().put("id", id()).put("type", "message").put("role", "assistant").put("model", asked().model().name());
    }

    private static ObjectNode call(ToolCalls.Call call) {
        return Json.object().put("type", "tool_use").put("id", newId(CALL)).put("name", call.name());
    }

    /** Why it ended; {@code last} is null where it has not. */
    private static void end(ObjectNode tree, Delta last) {
        String reason = last == null ? null : switch (last.finish()) {
            case "length" -> "max_tokens";
            case "tool_calls" -> "tool_use";
            case "content_filter" -> "refusal";
            default -> last.stop() == null ? "end_turn" : "stop_sequence";
        };
        tree.put("stop_reason", reason).put("stop_sequence", "stop_sequence".equals(reason) ? last.stop() : null);
        if ("refusal".equals(reason)) {
            tree.putObject("stop_details").put("type", reason).putNull("category").put("explanation", last.refusal());
        } else {
            tree.putNull("stop_details");
        }
    }

    /** Tokens that were read now and those that had been read before are counted apart. */
    private static ObjectNode usage(Usage usage) {
        return Json.object().put("input_tokens", usage.promptTokens() - usage.cachedTokens()).put("cache_creation_input_tokens", 0)
                .put("cache_read_input_tokens", usage.cachedTokens()).put("output_tokens", usage.writtenTokens());
    }

    private static ObjectNode event(String type) {
        return Json.object().put("type", type);
    }

    @Override
    ObjectNode problem(ApiException problem) {
        return error(problem);
    }

    /** A problem as Anthropic's API tells it. */
    static ObjectNode error(ApiException problem) {
        String type = switch (problem.status()) {
            case 401 -> "authentication_error";
            case 403 -> "permission_error";
            case 404 -> "not_found_error";
            case 413 -> "request_too_large";
            case 429 -> "rate_limit_error";
            case 503 -> "overloaded_error";
            case 504 -> "timeout_error";
            default -> problem.status() < 500 ? "invalid_request_error" : "api_error";
        };
        ObjectNode tree = event("error");
        tree.putObject("error").put("type", type).put("message", problem.getMessage());
        return tree;
    }
}
