package dev.zhulong.serve;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/** Answers of Ollama's {@code /api/chat} and {@code /api/generate}: lines of JSON, the last of which says what it took. */
final class OllamaShape extends Shape {
    private final boolean chat;
    private final long began = System.nanoTime();
    /** When the first token was there; {@link #began} where nothing was computed. */
    private long read = began;
    /** The last that was told; null before. */
    private Delta end;

    /** @param chat whether messages are told, and not texts */
    OllamaShape(boolean chat) {
        super("ollama-", "");
        this.chat = chat;
    }

    @Override
    EventStream.Style style() {
        return EventStream.Style.LINES;
    }

    @Override
    void firstToken() {
        read = System.nanoTime();
    }

    @Override
    List<ObjectNode> chunks(Delta delta, boolean begins) {
        if (delta.finish() != null) {
            end = delta;
        }
        List<ObjectNode> lines = new ArrayList<>();
        if (!delta.text().isEmpty() || !delta.calls().isEmpty()) {
            lines.add(line(delta.text(), delta.calls()).put("done", false));
        }
        return lines;
    }

    private ObjectNode line(String text, List<ToolCalls.Call> calls) {
        ObjectNode tree = ready(asked().model().name());
        if (!chat) {
            return tree.put("response", text);
        }
        ObjectNode message = tree.putObject("message").put("role", "assistant").put("content", text);
        if (!calls.isEmpty()) {
            ArrayNode told = message.putArray("tool_calls");
            calls.forEach(call -> told.addObject().put("id", newId("call_")).putObject("function").put("name", call.name()).set("arguments", Json.parse(call.arguments())));
        }
        return tree;
    }

    /** What every line begins with. */
    private static ObjectNode ready(String model) {
        return Json.object().put("model", model).put("created_at", Instant.now().toString());
    }

    /** The answer to a request that asks nothing of a model but to be there. */
    static ObjectNode loaded(String model, boolean chat) {
        ObjectNode tree = ready(model);
        if (chat) {
            tree.putObject("message").put("role", "assistant").put("content", "");
        } else {
            tree.put("response", "");
        }
        return tree.put("done", true).put("done_reason", "load");
    }

    @Override
    List<ObjectNode> ending(Usage usage) {
        return List.of(done(line("", List.of()), usage));
    }

    @Override
    ObjectNode whole(List<Delta> choices, Usage usage) {
        end = choices.getFirst();
        return done(line(end.calls().isEmpty() || !end.text().isBlank() ? end.text() : "", end.calls()), usage);
    }

    private ObjectNode done(ObjectNode line, Usage usage) {
        long now = System.nanoTime();
        line.put("done", true).put("done_reason", end.finish().equals("tool_calls") ? "stop" : end.finish());
        if (end.refusal() != null) {
            line.put("refusal", end.refusal());
        }
        return line.put("total_duration", now - began).put("load_duration", 0).put("prompt_eval_count", usage.promptTokens()).put("prompt_eval_duration", read - began)
                .put("eval_count", usage.writtenTokens()).put("eval_duration", now - read);
    }

    @Override
    ObjectNode problem(ApiException problem) {
        return error(problem);
    }

    /** A problem as Ollama tells it. */
    static ObjectNode error(ApiException problem) {
        return Json.object().put("error", problem.getMessage());
    }
}
