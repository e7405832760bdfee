package dev.zhulong.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.infer.CrossEncoder;
import dev.zhulong.infer.Encoder.Input;
import dev.zhulong.infer.Encoder.Output;
import dev.zhulong.text.encode.EncodedText;
import io.helidon.webserver.http.ServerResponse;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

/** What an encoder answers: {@code /v1/embeddings}, {@code /v1/classify} and {@code /v1/rerank}. */
final class EncoderRoutes {

    private final ServedEncoder model;
    private final Metrics metrics;
    private final ServerOptions options;

    EncoderRoutes(ServedEncoder model, Metrics metrics, ServerOptions options) {
        this.model = model;
        this.metrics = metrics;
        this.options = options;
    }

    /** Vectors of texts or ids. */
    void embeddings(Exchange exchange, ServerResponse response) {
        Fields body = exchange.body();
        exchange.admit();
        EncoderTexts texts = texts(body, exchange, Shape.newId("embd-"));
        var form = EmbeddingForm.read(body, model.dimension());
        if (form.dimensions() > model.dimension()) {
            throw body.wrong("dimensions", "must be a whole number from 1 to " + model.dimension());
        }
        String prompt = prompt(body);
        List<Input> inputs = new ArrayList<>();
        var ids = new BitSet();
        for (JsonNode node : Requests.several(body, "input", ModelRoutes.MOST_INPUTS)) {
            ids.set(inputs.size(), !node.isTextual());
            inputs.add((node.isTextual() ? vectorised(prompt, texts.review().apply(node.textValue()), texts) : ids(body, node, texts)).statesAlone());
        }
        int promptTokens = model.encoder().promptTokens(prompt);
        List<float[]> vectors = run(exchange, texts.caller(), inputs, (i, output) ->
                model.encoder().shortened(model.encoder().vector(output, inputs.get(i).ids().length, ids.get(i) ? 0 : promptTokens), form.dimensions()));
        Listener.send(response, exchange.connection(), form.list(vectors, model.name(), tokens(inputs)));
    }

    /** What the head says of texts. */
    void classify(Exchange exchange, ServerResponse response) {
        Fields body = exchange.body();
        exchange.admit();
        EncoderTexts texts = texts(body, exchange, Shape.newId("cls-"));
        List<Labelling> asked = LabelRequests.read(body, texts);
        List<Input> inputs = asked.stream().map(Labelling::pieces).flatMap(List::stream).map(model.encoder()::input).toList();
        List<float[]> logits = run(exchange, texts.caller(), inputs, (_, output) -> output.logits());
        ObjectNode tree = Json.object().put("object", "list").put("model", model.name()).put("task", model.task());
        ArrayNode data = tree.putArray("data");
        int from = 0;
        for (Labelling each : asked) {
            ObjectNode entry = data.addObject().put("index", data.size() - 1);
            int to = from + each.pieces().size();
            each.answer(logits.subList(from, to), entry);
            if (each.cut()) {
                entry.put("truncated", true);
            }
            from = to;
        }
        tree.putObject("usage").put("prompt_tokens", tokens(inputs)).put("total_tokens", tokens(inputs));
        Listener.send(response, exchange.connection(), tree);
    }

    /** Documents in the order of their relevance to a query. */
    void rerank(Exchange exchange, ServerResponse response) {
        Fields body = exchange.body();
        exchange.admit();
        CrossEncoder scorer = model.scorer().orElseThrow(() -> ApiException.invalid(null, "unsupported_model", "'" + model.name() + "' is no cross-encoder: /v1/rerank needs an"
                + " encoder whose head has one output for a pair of texts, such as cross-encoder/ms-marco-MiniLM-L6-v2"));
        String id = Shape.newId("rerank-");
        EncoderTexts texts = texts(body, exchange, id);
        RerankRequest asked = RerankRequest.read(body, texts);
        List<Input> inputs = asked.pairs().stream().map(pair -> model.encoder().input(pair.tokens())).toList();
        double[] scores = run(exchange, texts.caller(), inputs, (_, output) -> scorer.score(output.logits())).stream().mapToDouble(Double::doubleValue).toArray();
        try {
            for (int i = 0; i < scores.length; i++) {
                CrossEncoder.requireFinite(scores[i], i);
            }
        } catch (ArithmeticException e) {
            throw ApiException.of(500, "server_error", "not_a_number", e.getMessage());
        }
        ObjectNode tree = Json.object().put("id", id).put("model", model.name());
        tree.putObject("usage").put("prompt_tokens", tokens(inputs)).put("total_tokens", tokens(inputs));
        tree.set("results", asked.results(scores));
        Listener.send(response, exchange.connection(), tree);
    }

    /** Ids of a text, with what the model puts around it. */
    int[] sequence(String text) {
        return whole(text).ids();
    }

    /** Without. */
    int[] plain(String text) {
        EncodedText all = whole(text);
        return IntStream.range(0, all.length()).filter(i -> !all.isSpecial(i)).map(i -> all.ids()[i]).toArray();
    }

    private EncodedText whole(String text) {
        return new EncoderTexts(model, UnaryOperator.identity(), true, null).whole("text", text);
    }

    private EncoderTexts texts(Fields body, Exchange exchange, String id) {
        Caller caller = exchange.caller(options.requestSeconds());
        String name = body.text("model", model.name());
        if (!name.equals(model.name())) {
            throw ApiException.noSuchModel(name);
        }
        if (Precision.asked(body) == Precision.LOW) {
            throw ApiException.invalid("precision", "precision \"low\" is not loaded here; there is: " + Precision.HIGH.label());
        }
        UnaryOperator<String> review = options.guard() == null ? UnaryOperator.identity()
                : options.guard().input(exchange.tenant(), id, metrics::decided, caller::check);
        return new EncoderTexts(model, review, body.flag("truncate", true), caller);
    }

    private String prompt(Fields body) {
        try {
            return model.config().prompt(Optional.ofNullable(body.text("prompt_name", null)));
        } catch (IllegalArgumentException e) {
            throw ApiException.invalid("prompt_name", Json.shortened(e.getMessage(), 300));
        }
    }

    /** Ids are taken as they are, the model's own among them; rules look at the text they stand for. */
    private Input ids(Fields body, JsonNode node, EncoderTexts texts) {
        int[] ids = Requests.ids(body, "input", node, model.tokenizer().tokenizer());
        if (ids.length > model.mostTokens()) {
            throw texts.tooLong("input", ids.length);
        }
        String text = model.tokenizer().tokenizer().decode(ids);
        String told = texts.review().apply(text);
        return told.equals(text) ? Input.of(ids) : vectorised("", told, texts);
    }

    /** A text behind a prompt, in lower case where the model's files ask for it. */
    private Input vectorised(String prompt, String text, EncoderTexts texts) {
        return model.encoder().input(texts.text("input", model.encoder().cased(prompt + text)).tokens());
    }

    private <R> List<R> run(Exchange exchange, Caller caller, List<Input> inputs, BiFunction<Integer, Output, R> made) {
        int taken = 0;
        try {
            List<R> results = Awaited.result(() -> model.scheduler().submit(exchange.client(), inputs, made), caller);
            taken = tokens(inputs);
            return results;
        } finally {
            exchange.took("", new Usage(taken, 0, 0));
        }
    }

    private static int tokens(List<Input> inputs) {
        return inputs.stream().mapToInt(input -> input.ids().length).sum();
    }
}
