package dev.zhulong.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.infer.Job;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Answers that were kept, told again. What is kept is text: a hash of its key and the rest, and the answers as JSON. A cache that others write to may hold anything:
 * whatever is not an answer to the very request counts as not there.
 */
final class StoredAnswers implements AnswerStream {
    /** Of what is kept and of its keys; another one's is never read. */
    private static final int VERSION = 3;
    private static final int HASH = 64;
    /** How a request wants to be told, and by whom it says it is: no answer depends on them. */
    private static final List<String> ASIDE = List.of("stream", "stream_options", "user");
    /** Fields in which the order of keys decides what is written. */
    private static final List<String> ORDERED = List.of("response_format", "tools");
    private static final Set<String> FINISHES = Set.of("stop", "length", "tool_calls", "content_filter");

    private final List<Delta> choices;
    private final Usage usage;
    private int next;

    private StoredAnswers(List<Delta> choices, Usage usage) {
        this.choices = choices;
        this.usage = usage;
    }

    /** Whether the same request has the same answer each time, and one that is kept. */
    static boolean isKept(Request asked) {
        return asked.repeatable() && !asked.logProbs();
    }

    /**
     * What decides the answers, hashed: the request but for how it is told, what it became, whose it is, and what answers it. Every part has its length before it, so
     * that no two lists of parts are the same bytes.
     *
     * @param model tells the model from every other
     * @param rules tell the rules from all others
     */
    static String key(Fields request, Request asked, String tenant, String model, String rules) {
        ObjectNode body = request.without(ASIDE);
        List<String> parts = new ArrayList<>(List.of(Integer.toString(VERSION), tenant, model, rules, asked.model().name(),
                asked.model().adapter() == null ? "" : asked.model().adapter().hash(), asked.lane().precision().label(), asked.lane().engine(), asked.lane().scheduler().layout(),
                Integer.toString(asked.options().maxNewTokens()), asked.options().stopIds().toString(),
                // what the model's makers advise is not in the request; a seed and a bias are, where they are given
                asked.options().sampler().withSeed(0).withLogitBias(Map.of()).toString()));
        ORDERED.forEach(field -> parts.add(Json.text(body.path(field))));
        body.remove(ORDERED);
        parts.add(Json.text(sorted(body)));
        MessageDigest digest = digest();
        parts.forEach(part -> add(digest, part.getBytes(StandardCharsets.UTF_8)));
        // a template may tell the time
        for (int[] prompt : asked.sources().isEmpty() ? asked.prompts() : asked.sources().stream().map(Job.Source::ids).toList()) {
            byte[] ids = new byte[Integer.BYTES * prompt.length];
            for (int i = 0; i < ids.length; i++) {
                ids[i] = (byte) (prompt[i / Integer.BYTES] >> 8 * (i % Integer.BYTES));
            }
            add(digest, ids);
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    private static void add(MessageDigest digest, byte[] part) {
        for (int shift = 0; shift < Integer.SIZE; shift += Byte.SIZE) {
            digest.update((byte) (part.length >> shift));
        }
        digest.update(part);
    }

    private static MessageDigest digest() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The same value with the keys of its objects in order. */
    private static JsonNode sorted(JsonNode node) {
        if (node instanceof ObjectNode object) {
            var fields = new TreeMap<String, JsonNode>();
            for (Map.Entry<String, JsonNode> field : object.properties()) {
                fields.put(field.getKey(), sorted(field.getValue()));
            }
            return Json.object().setAll(fields);
        }
        if (node instanceof ArrayNode array) {
            ArrayNode elements = array.arrayNode(array.size());
            array.forEach(element -> elements.add(sorted(element)));
            return elements;
        }
        return node;
    }

    /** What is kept of answers, one of each choice in their order. */
    static String text(String key, List<Delta> choices, Usage usage) {
        ObjectNode tree = Json.object().put("prompt", usage.promptTokens()).put("written", usage.writtenTokens());
        ArrayNode all = tree.putArray("choices");
        for (Delta choice : choices) {
            ObjectNode each = all.addObject().put("text", choice.text()).put("finish", choice.finish()).put("stop", choice.stop()).put("refusal", choice.refusal());
            ArrayNode calls = each.putArray("calls");
            choice.calls().forEach(call -> calls.addObject().put("name", call.name()).put("arguments", call.arguments()));
        }
        String text = Json.text(tree);
        return hash(key, text) + text;
    }

    static String hash(String key, String text) {
        MessageDigest digest = digest();
        add(digest, key.getBytes(StandardCharsets.UTF_8));
        add(digest, text.getBytes(StandardCharsets.UTF_8));
        return HexFormat.of().formatHex(digest.digest());
    }

    /** Of what was kept under a key, which may be null; null where it is no answer to the request. */
    static StoredAnswers of(String kept, String key, Request asked) {
        if (kept == null || kept.length() <= HASH || !hash(key, kept.substring(HASH)).equals(kept.substring(0, HASH))) {
            return null;
        }
        JsonNode tree = Json.parse(kept.substring(HASH));
        int prompt = asked.prompts().stream().mapToInt(ids -> ids.length).sum();
        if (tree == null || !tree.path("choices").isArray() || tree.get("choices").size() != asked.choices() || tree.path("prompt").asInt(-1) != prompt
                || !tree.path("written").isInt() || tree.get("written").intValue() < 0) {
            return null;
        }
        List<Delta> choices = new ArrayList<>();
        for (JsonNode each : tree.get("choices")) {
            Delta choice = choice(choices.size(), each, asked);
            if (choice == null) {
                return null;
            }
            choices.add(choice);
        }
        return new StoredAnswers(choices, new Usage(prompt, prompt, tree.get("written").intValue()));
    }

    private static Delta choice(int number, JsonNode tree, Request asked) {
        JsonNode refusal = tree.path("refusal");
        if (!tree.path("text").isTextual() || !FINISHES.contains(tree.path("finish").asText()) || !refusal.isTextual() && !refusal.isNull() || !tree.path("calls").isArray()) {
            return null;
        }
        List<ToolCalls.Call> calls = new ArrayList<>();
        for (JsonNode call : tree.get("calls")) {
            String name = call.path("name").textValue();
            String arguments = call.path("arguments").textValue();
            if (asked.tools() == null || name == null || !asked.tools().contains(name) || arguments == null || !(Json.parse(arguments) instanceof ObjectNode)) {
                return null;
            }
            calls.add(new ToolCalls.Call(name, arguments));
        }
        if (calls.isEmpty() && tree.get("finish").asText().equals("tool_calls")) {
            return null;
        }
        return new Delta(number, tree.get("text").textValue(), List.of(), calls, tree.get("finish").textValue(), tree.path("stop").textValue(), refusal.textValue(), false);
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
