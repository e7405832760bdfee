package dev.zhulong.serve;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.text.encode.AnswerSearch;
import dev.zhulong.text.encode.EncodedText;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Requests for labels, read and checked for the head that answers them. */
final class LabelRequests {
    /** Tokens of a window over a context, and how many two of them share: what the published examples train with. */
    private static final int WINDOW = 384;
    private static final int OVERLAP = 128;
    private static final int MOST_LABELS = 1 << 20;
    private static final int MOST_PIECES = 4096;

    private LabelRequests() {}

    /** The inputs of a request, at least one. */
    static List<Labelling> read(Fields body, EncoderTexts texts) {
        List<JsonNode> nodes = Requests.several(body, "input", ModelRoutes.MOST_INPUTS);
        boolean one = !body.get("input").isArray();
        Head head = texts.model().spec().head();
        if (!(head instanceof Head.Classes) && body.has("top_k")) {
            throw body.wrong("top_k", "is for heads over classes; the one of '" + texts.model().name() + "' is for " + texts.model().task());
        }
        if (!(head instanceof Head.Spans) && (body.has("null_answer") || body.has("null_threshold"))) {
            throw body.wrong(body.has("null_answer") ? "null_answer" : "null_threshold", "is for questions; the head of '" + texts.model().name() + "' is for "
                    + texts.model().task());
        }
        int top = body.integer("top_k", 1, MOST_LABELS, (long) MOST_LABELS).intValue();
        boolean nullable = body.flag("null_answer", false);
        double threshold = body.number("null_threshold", -1e6, 1e6, 0.0);
        List<Labelling> inputs = new ArrayList<>(nodes.size());
        int pieces = 0;
        for (int i = 0; i < nodes.size(); i++) {
            texts.caller().check();
            String name = one ? "input" : "input[" + i + "]";
            JsonNode node = nodes.get(i);
            inputs.add(switch (head) {
                case Head.Classes classes -> classes(classes, node, name, texts, top);
                case Head.Tags tags -> tags(tags, node, name, texts);
                case Head.Spans _ -> question(node, name, texts, nullable, threshold);
                case Head.None _, Head.MaskedTokens _ -> throw ApiException.invalid(null, "unsupported_model", "'" + texts.model().name() + "' is a "
                        + texts.model().spec().family().title() + " encoder without a head over labels: it answers POST /v1/embeddings; fine-tune it for labels"
                        + " (zhulong finetune --task)");
            });
            pieces += inputs.getLast().pieces().size();
            if (pieces > MOST_PIECES) {
                throw ApiException.invalid(name, "context_length_exceeded", "the contexts of a request are read in windows, and up to " + name + " there are more than the "
                        + MOST_PIECES + " that are accepted: send fewer");
            }
        }
        return inputs;
    }

    private static Labelling classes(Head.Classes head, JsonNode node, String name, EncoderTexts texts, int top) {
        if (node.isTextual()) {
            return new ClassLabelling(head, texts.text(name, texts.review().apply(node.textValue())), top);
        }
        Fields fields = object(node, name, Set.of("text", "text_pair"), "a string or an object with \"text\" and, where there are two, \"text_pair\"");
        String text = texts.review().apply(fields.required("text"));
        String pair = fields.text("text_pair", null);
        return new ClassLabelling(head, pair == null ? texts.text(name, text) : texts.pair(name, text, texts.review().apply(pair)), top);
    }

    private static Labelling tags(Head.Tags head, JsonNode node, String name, EncoderTexts texts) {
        String own = node.isTextual() ? node.textValue() : object(node, name, Set.of("text"), "a string or an object with \"text\"").required("text");
        String text = texts.review().apply(own);
        return new TagLabelling(head, text, texts.text(name, text));
    }

    private static Labelling question(JsonNode node, String name, EncoderTexts texts, boolean nullable, double threshold) {
        Fields fields = object(node, name, Set.of("question", "context"), "an object with \"question\" and \"context\"");
        String question = texts.review().apply(fields.required("question"));
        String context = texts.review().apply(fields.required("context"));
        int most = Math.min(WINDOW, texts.model().mostTokens());
        List<EncodedText> windows = texts.windows(name, question, context, most, Math.min(OVERLAP, most / 3));
        AnswerSearch usual = AnswerSearch.DEFAULT;
        return new AnswerLabelling(context, windows, new AnswerSearch(usual.best(), usual.longest(), nullable, threshold));
    }

    private static Fields object(JsonNode node, String name, Set<String> known, String form) {
        boolean fits = node.isObject();
        for (var field : node.properties()) {
            fits &= known.contains(field.getKey());
        }
        if (!fits) {
            throw ApiException.invalid(name, name + " must be " + form);
        }
        return Fields.of(node, name);
    }
}
