package dev.zhulong.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.infer.CrossEncoder;
import dev.zhulong.serve.EncoderTexts.Read;
import java.util.ArrayList;
import java.util.List;

/**
 * A request to put documents in the order of their relevance to a query, in the fields that the APIs of Jina and Cohere share.
 *
 * @param documents as they were judged: reviewed, the text alone of those that are objects
 * @param pairs     the query with each of them
 * @param top       most results
 * @param shown     whether results hold their documents
 */
record RerankRequest(List<String> documents, List<Read> pairs, int top, boolean shown) {
    static RerankRequest read(Fields body, EncoderTexts texts) {
        String query = texts.review().apply(body.required("query"));
        JsonNode fields = body.get("rank_fields");
        if (fields != null && !(fields.isArray() && fields.size() == 1 && fields.get(0).asText().equals("text"))) {
            throw body.wrong("rank_fields", "may name \"text\" alone: other fields of documents are not read");
        }
        if (!body.has("documents")) {
            throw body.wrong("documents", "is missing");
        }
        List<JsonNode> nodes = body.list("documents", ModelRoutes.MOST_INPUTS);
        if (nodes.isEmpty()) {
            throw body.wrong("documents", "must not be empty");
        }
        int top = body.integer("top_n", 1, Integer.MAX_VALUE, (long) nodes.size()).intValue();
        List<String> documents = new ArrayList<>(nodes.size());
        List<Read> pairs = new ArrayList<>(nodes.size());
        for (int i = 0; i < nodes.size(); i++) {
            String name = "documents[" + i + "]";
            documents.add(texts.review().apply(text(nodes.get(i), name)));
            pairs.add(texts.pair(name, query, documents.getLast()));
        }
        return new RerankRequest(documents, pairs, top, body.flag("return_documents", true));
    }

    private static String text(JsonNode node, String name) {
        if (node.isTextual()) {
            return node.textValue();
        }
        if (!node.isObject()) {
            throw ApiException.invalid(name, name + " must be a string or an object with \"text\"");
        }
        return Fields.of(node, name).required("text");
    }

    /** The best of them, with their scores, which are finite. */
    ArrayNode results(double[] scores) {
        ArrayNode results = Json.object().putArray("results");
        CrossEncoder.ranked(scores).stream().limit(top).forEach(i -> {
            ObjectNode result = results.addObject().put("index", i).put("relevance_score", scores[i]);
            if (shown) {
                result.putObject("document").put("text", documents.get(i));
            }
            if (pairs.get(i).cut()) {
                result.put("truncated", true);
            }
        });
        return results;
    }
}
