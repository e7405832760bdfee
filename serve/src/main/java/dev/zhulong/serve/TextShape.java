package dev.zhulong.serve;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Answers of {@code /v1/completions}. */
final class TextShape extends Shape {
    private static final String OBJECT = "text_completion";

    /** Characters told so far, of each choice. */
    private final Map<Integer, Integer> told = new HashMap<>();

    TextShape(String fingerprint) {
        super("cmpl-", fingerprint);
    }

    @Override
    List<ObjectNode> chunks(Delta delta, boolean begins) {
        if (delta.isEmpty() && !(begins && !asked().echo().isEmpty())) {
            return List.of();
        }
        ObjectNode tree = frame(OBJECT);
        choice(tree.putArray("choices"), delta, begins);
        if (asked().includeUsage()) {
            tree.putNull("usage");
        }
        return List.of(tree);
    }

    private void choice(ArrayNode choices, Delta delta, boolean begins) {
        String text = (begins && !asked().echo().isEmpty() ? asked().echo().get(delta.choice() / asked().n()) : "") + delta.text();
        ObjectNode tree = choices.addObject().put("text", text).put("index", delta.choice());
        int from = told.getOrDefault(delta.choice(), 0);
        told.put(delta.choice(), from + text.length());
        if (!asked().logProbs() || delta.tokens().isEmpty()) {
            tree.putNull("logprobs");
        } else {
            logProbs(tree.putObject("logprobs"), delta, from);
        }
        tree.put("finish_reason", delta.finish());
    }

    private static void logProbs(ObjectNode tree, Delta delta, int from) {
        ArrayNode tokens = tree.putArray("tokens");
        ArrayNode probabilities = tree.putArray("token_logprobs");
        ArrayNode top = tree.putArray("top_logprobs");
        ArrayNode offsets = tree.putArray("text_offset");
        int at = from;
        for (TokenTexts.TokenText token : delta.tokens()) {
            tokens.add(token.text());
            probabilities.add(logProb(token));
            ObjectNode others = top.addObject();
            token.top().forEach(other -> others.put(other.text(), logProb(other)));
            offsets.add(at);
            at += token.text().length();
        }
    }

    @Override
    ObjectNode whole(List<Delta> choices, Usage usage) {
        ObjectNode tree = frame(OBJECT);
        ArrayNode all = tree.putArray("choices");
        choices.forEach(choice -> choice(all, choice, true));
        tree.set("usage", usage.json());
        return tree;
    }

    @Override
    List<ObjectNode> ending(Usage usage) {
        if (!asked().includeUsage()) {
            return List.of();
        }
        ObjectNode tree = frame(OBJECT);
        tree.putArray("choices");
        tree.set("usage", usage.json());
        return List.of(tree);
    }
}
