package dev.zhulong.serve;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.helidon.webserver.http.HttpRouting;
import io.helidon.webserver.http.ServerResponse;

/** A language model's routes: text, vectors, tokens, the chat page. */
final class ModelService implements Service {
    static final String MODEL = "/v1/models/";
    private static final String RESPONSE = "/v1/responses/";

    private final ServedModel model;
    private final ServerOptions options;
    private final Metrics metrics;

    ModelService(ServedModel model, ServerOptions options) {
        this.model = model;
        this.options = options;
        metrics = new Metrics(model);
    }

    @Override
    public Metrics metrics() {
        return metrics;
    }

    @Override
    public void routes(Listener on, HttpRouting.Builder routing) {
        var text = new TextRoutes(model, metrics, options);
        var about = new ModelRoutes(model, new Embedder(model.lanes().getLast(), ApiServer.EMBED_TOKENS), options, metrics);
        routing.post("/v1/chat/completions", on.handler("chat", options.keys(), (request, response, exchange) -> text.chat(exchange, response)))
                .post("/v1/completions", on.handler("completions", options.keys(), (request, response, exchange) -> text.text(exchange, response)))
                .post("/v1/messages", on.handler("messages", options.keys(), MessagesShape::error, (request, response, exchange) -> text.messages(exchange, response)))
                .post("/v1/messages/count_tokens", on.handler("count_tokens", options.keys(), MessagesShape::error, (request, response, exchange) -> text.countTokens(exchange, response)))
                .post("/v1/responses", on.handler("responses", options.keys(), (request, response, exchange) -> text.responses(exchange, response)))
                .delete(RESPONSE + "*", on.handler("responses", options.keys(), (request, response, exchange) -> text.forget(exchange, response, Listener.rest(request, RESPONSE))))
                .post("/v1/embeddings", on.handler("embeddings", options.keys(), (request, response, exchange) -> about.embeddings(exchange, response)))
                .post("/v1/classify", on.handler("classify", options.keys(), (request, response, exchange) -> classify(exchange, response)));
        Listener.get(routing, RESPONSE + "*", on.handler("responses", options.keys(), (request, response, exchange) ->
                text.response(exchange, response, Listener.rest(request, RESPONSE))));
        Listener.get(routing, "/v1/models", on.handler("models", options.keys(), (request, response, exchange) -> about.models(exchange, response)));
        Listener.get(routing, MODEL + "*", on.handler("models", options.keys(), (request, response, exchange) -> about.model(exchange, response, Listener.rest(request, MODEL))));
        new OllamaRoutes(model, text, about, options).add(on, routing);
        new TokenRoutes(model.tokenizer(), model::encode, model::sequence, options).add(on, routing);
        new PageRoutes().add(on, routing);
    }

    private void classify(Exchange exchange, ServerResponse response) {
        exchange.body();
        exchange.admit();
        throw ApiException.invalid(null, "unsupported_model", "'" + model.name() + "' is a language model and has no head over labels: ask it by POST /v1/chat/completions, or serve"
                + " an encoder that was fine-tuned for labels (zhulong finetune --task)");
    }

    @Override
    public AdminRoutes admin() {
        return new AdminRoutes(() -> status(model), model, options);
    }

    static ObjectNode status(ServedModel model) {
        ObjectNode tree = Json.object().put("model", model.name());
        var lanes = tree.putArray("lanes");
        model.lanes().forEach(lane -> {
            var stats = lane.scheduler().stats();
            lanes.addObject().put("precision", lane.precision().label()).put("engine", lane.engine()).put("waiting", stats.waiting()).put("running", stats.running())
                    .put("kv_tokens", stats.tokensHeld()).put("finished", stats.finished()).put("failed", stats.failed());
        });
        var adapters = tree.putArray("adapters");
        model.adapters().forEach(adapters::add);
        return tree;
    }

    @Override
    public Throwable failure() {
        return model.failure();
    }

    @Override
    public void drain() throws InterruptedException {
        model.drain();
    }
}
