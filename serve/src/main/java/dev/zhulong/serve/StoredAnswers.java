package dev.zhulong.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Answers that were kept, told again. */
final class StoredAnswers implements Told {
    private final List<Delta> choices;
    private final Usage usage;
    private int next;

    private StoredAnswers(List<Delta> choices, Usage usage) {
        this.choices = choices;
        this.usage = usage;
    }

    /** Whether the same request has the same answer each time, and one that is kept. */
    static boolean isKept(Plan plan) {
        return plan.repeatable() && !plan.logProbs();
    }

    /**
     * What decides the answers, hashed: the request but for how it is told, what it became, whose it is, and what answers it.
     *
     * @param by the model, its engine, the rules
     */
    static String key(Fields request, Plan plan, String tenant, String by) {
        ObjectNode body = request.without(List.of("stream", "stream_options", "user"));
        MessageDigest digest;
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
        for (String part : new String[] {tenant, by, plan.model().name(), plan.model().adapter() == null ? "" : plan.model().adapter().hash(), plan.lane().precision().label(), sorted(body)}) {
            digest.update(part.getBytes(StandardCharsets.UTF_8));
            digest.update((byte) 0);
        }
        // a template may tell the time
        for (int[] prompt : plan.prompts()) {
            for (int id : prompt) {
                digest.update(new byte[] {(byte) id, (byte) (id >> 8), (byte) (id >> 16), (byte) (id >> 24)});
            }
            digest.update((byte) 1);
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    private static String sorted(JsonNode node) {
        if (node.isObject()) {
            var fields = new TreeMap<String, String>();
            for (Map.Entry<String, JsonNode> field : node.properties()) {
                fields.put(field.getKey(), sorted(field.getValue()));
            }
            return fields.toString();
        }
        if (node.isArray()) {
            List<String> elements = new ArrayList<>();
            node.forEach(element -> elements.add(sorted(element)));
            return elements.toString();
        }
        return node.toString();
    }

    /** What is kept of answers, one of each choice in their order. */
    static String text(List<Delta> choices, Usage usage) {
        ObjectNode tree = Json.object().put("prompt", usage.promptTokens()).put("written", usage.writtenTokens());
        ArrayNode all = tree.putArray("choices");
        for (Delta choice : choices) {
            ObjectNode each = all.addObject().put("text", choice.text()).put("finish", choice.finish()).put("refusal", choice.refusal());
            ArrayNode calls = each.putArray("calls");
            choice.calls().forEach(call -> calls.addObject().put("name", call.name()).put("arguments", call.arguments()));
        }
        return Json.text(tree);
    }

    /** Of what was kept; null where it cannot be read. */
    static StoredAnswers of(String text) {
        JsonNode tree = text == null ? null : Json.parse(text);
        if (tree == null || !tree.path("choices").isArray()) {
            return null;
        }
        List<Delta> choices = new ArrayList<>();
        for (JsonNode each : tree.get("choices")) {
            List<ToolCalls.Call> calls = new ArrayList<>();
            each.path("calls").forEach(call -> calls.add(new ToolCalls.Call(call.path("name").asText(), call.path("arguments").asText())));
            choices.add(new Delta(choices.size(), each.path("text").asText(), List.of(), calls, each.path("finish").asText(), each.path("refusal").textValue(), false));
        }
        int prompt = tree.path("prompt").asInt();
        return new StoredAnswers(choices, new Usage(prompt, prompt, tree.path("written").asInt()));
    }

    @Override
    public Delta next() {
        return next < choices.size() ? choices.get(next++) : null;
    }

    @Override
    public Usage usage() {
        return usage;
    }

    @Override
    public void close() {}
}
