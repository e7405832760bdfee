package dev.zhulong.serve;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.helidon.webserver.http.Handler;
import io.helidon.webserver.http.HttpRouting;
import io.helidon.webserver.http.ServerResponse;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.time.Instant;

/** An encoder's routes: vectors, labels, scores, tokens; those that write text say what there is instead. */
final class EncoderService implements Service {
    private static final String RERANK = "/v1/rerank";

    private final ServedEncoder model;
    private final ServerOptions options;
    private final Metrics metrics;
    private final byte[] description;
    private final long since = Instant.now().getEpochSecond();

    EncoderService(ServedEncoder model, ServerOptions options) {
        this.model = model;
        this.options = options;
        metrics = new Metrics(model);
        try (InputStream in = EncoderService.class.getResourceAsStream("openapi-encoder.json")) {
            description = model.scorer().isPresent() ? in.readAllBytes() : withoutReranking(in.readAllBytes());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static byte[] withoutReranking(byte[] all) {
        ObjectNode tree = Json.body(all);
        tree.withObject("/paths").remove(RERANK);
        return Json.bytes(tree);
    }

    @Override
    public Metrics metrics() {
        return metrics;
    }

    @Override
    public void routes(Listener on, HttpRouting.Builder routing) {
        var routes = new EncoderRoutes(model, metrics, options);
        Handler reranks = on.handler("rerank", options.keys(), (request, response, exchange) -> routes.rerank(exchange, response));
        routing.post("/v1/embeddings", on.handler("embeddings", options.keys(), (request, response, exchange) -> routes.embeddings(exchange, response)))
                .post("/v1/classify", on.handler("classify", options.keys(), (request, response, exchange) -> routes.classify(exchange, response)))
                .post(RERANK, reranks).post("/rerank", reranks).post("/v2/rerank", reranks)
                .post("/v1/chat/completions", on.handler("chat", options.keys(), (request, response, exchange) -> writesNothing(exchange)))
                .post("/v1/completions", on.handler("completions", options.keys(), (request, response, exchange) -> writesNothing(exchange)));
        Listener.get(routing, "/v1/models", on.handler("models", options.keys(), (request, response, exchange) -> models(exchange, response)));
        Listener.get(routing, ModelService.MODEL + "*", on.handler("models", options.keys(), (request, response, exchange) ->
                model(exchange, response, Listener.rest(request, ModelService.MODEL))));
        new TokenRoutes(model.tokenizer().tokenizer(), routes::plain, routes::sequence, options).add(on, routing);
        Listener.get(routing, "/openapi", on.handler("files", null, (request, response, exchange) ->
                Listener.send(response, exchange.connection(), "application/json", description)));
    }

    private void writesNothing(Exchange exchange) {
        exchange.body();
        exchange.admit();
        throw ApiException.invalid(null, "unsupported_model", "'" + model.name() + "' is a " + model.spec().family().title() + " encoder and writes no text: it answers POST"
                + " /v1/embeddings" + (model.scorer().isPresent() ? ", POST /v1/classify and POST " + RERANK : model.task().isEmpty() ? "" : " and POST /v1/classify"));
    }

    private void models(Exchange exchange, ServerResponse response) {
        ObjectNode tree = Json.object().put("object", "list");
        tree.putArray("data").add(about());
        Listener.send(response, exchange.connection(), tree);
    }

    private void model(Exchange exchange, ServerResponse response, String name) {
        if (!name.equals(model.name())) {
            throw ApiException.noSuchModel(name);
        }
        Listener.send(response, exchange.connection(), about());
    }

    private ObjectNode about() {
        ObjectNode tree = Json.object().put("id", model.name()).put("object", "model").put("created", since).put("owned_by", "zhulong");
        tree.put("context_length", model.mostTokens()).put("embedding_length", model.dimension()).put("pooling", model.config().describe());
        ArrayNode prompts = tree.putArray("prompts");
        model.config().prompts().keySet().forEach(prompts::add);
        if (!model.task().isEmpty()) {
            tree.put("task", model.task());
            ArrayNode labels = tree.putArray("labels");
            model.labels().forEach(labels::add);
        }
        model.scorer().ifPresent(scorer -> tree.put("score", scorer.config().activation().id()));
        tree.putArray("precisions").addObject().put("precision", Precision.HIGH.label()).put("engine", model.engine());
        return tree;
    }

    @Override
    public AdminRoutes admin() {
        return new AdminRoutes(this::status, null, options);
    }

    private ObjectNode status() {
        ObjectNode tree = Json.object().put("model", model.name());
        var stats = model.scheduler().stats();
        tree.putArray("lanes").addObject().put("precision", Precision.HIGH.label()).put("engine", model.engine()).put("waiting", stats.waiting())
                .put("running", stats.running()).put("finished", stats.finished()).put("failed", stats.failed());
        return tree;
    }

    @Override
    public Throwable failure() {
        return model.scheduler().failure();
    }

    @Override
    public void drain() throws InterruptedException {
        model.scheduler().drain();
    }
}
