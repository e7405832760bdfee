package dev.zhulong.serve;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Answers of {@code /v1/chat/completions}. */
final class ChatShape extends Shape {
    private static final String CHUNK = "chat.completion.chunk";

    /** Calls told so far, of each choice. */
    private final Map<Integer, Integer> called = new HashMap<>();

    ChatShape(String fingerprint) {
        super("chatcmpl-", fingerprint);
    }

    @Override
    List<ObjectNode> chunks(Delta delta, boolean begins) {
        List<ObjectNode> chunks = new ArrayList<>();
        if (begins) {
            chunks.add(chunk(delta.choice(), Json.object().put("role", "assistant").put("content", ""), List.of(), null));
        }
        if (!delta.text().isEmpty() || !delta.tokens().isEmpty()) {
            chunks.add(chunk(delta.choice(), Json.object().put("content", delta.text()), delta.tokens(), null));
        }
        for (ToolCalls.Call call : delta.calls()) {
            int index = called.merge(delta.choice(), 1, Integer::sum) - 1;
            ObjectNode content = Json.object();
            content.putArray("tool_calls").add(Json.object().put("index", index).setAll(call(call)));
            chunks.add(chunk(delta.choice(), content, List.of(), null));
        }
        if (delta.refusal() != null) {
            chunks.add(chunk(delta.choice(), Json.object().put("refusal", delta.refusal()), List.of(), null));
        }
        if (delta.finish() != null) {
            chunks.add(chunk(delta.choice(), Json.object(), List.of(), delta.finish()));
        }
        return chunks;
    }

    private ObjectNode chunk(int choice, ObjectNode content, List<TokenTexts.TokenText> tokens, String finish) {
        ObjectNode tree = frame(CHUNK);
        ObjectNode told = tree.putArray("choices").addObject().put("index", choice);
        told.set("delta", content);
        logProbs(told, tokens);
        told.put("finish_reason", finish);
        if (asked().includeUsage()) {
            tree.putNull("usage");
        }
        return tree;
    }

    private void logProbs(ObjectNode choice, List<TokenTexts.TokenText> tokens) {
        if (!asked().logProbs() || tokens.isEmpty()) {
            choice.putNull("logprobs");
            return;
        }
        ObjectNode tree = choice.putObject("logprobs");
        ArrayNode content = tree.putArray("content");
        for (TokenTexts.TokenText token : tokens) {
            ObjectNode told = token(token);
            ArrayNode top = told.putArray("top_logprobs");
            token.top().forEach(other -> top.add(token(other)));
            content.add(told);
        }
        tree.putNull("refusal");
    }

    private static ObjectNode call(ToolCalls.Call call) {
        ObjectNode tree = Json.object().put("id", newId("call_")).put("type", "function");
        tree.putObject("function").put("name", call.name()).put("arguments", call.arguments());
        return tree;
    }

    @Override
    ObjectNode whole(List<Delta> choices, Usage usage) {
        ObjectNode tree = frame("chat.completion");
        ArrayNode told = tree.putArray("choices");
        for (Delta choice : choices) {
            ObjectNode each = told.addObject().put("index", choice.choice());
            ObjectNode message = each.putObject("message").put("role", "assistant");
            // null is what clients expect beside calls
            message.put("content", choice.text().isBlank() && !choice.calls().isEmpty() ? null : choice.text()).put("refusal", choice.refusal());
            if (!choice.calls().isEmpty()) {
                ArrayNode calls = message.putArray("tool_calls");
                choice.calls().forEach(call -> calls.add(call(call)));
            }
            logProbs(each, choice.tokens());
            each.put("finish_reason", choice.finish());
        }
        tree.set("usage", usage.json());
        return tree;
    }

    @Override
    List<ObjectNode> ending(Usage usage) {
        if (!asked().includeUsage()) {
            return List.of();
        }
        ObjectNode tree = frame(CHUNK);
        tree.putArray("choices");
        tree.set("usage", usage.json());
        return List.of(tree);
    }
}
