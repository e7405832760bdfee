package dev.zhulong.serve;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.infer.search.BeamScheduler;
import dev.zhulong.serve.ServedModel.Lane;
import io.helidon.webserver.http.HttpRouting;
import io.helidon.webserver.http.ServerResponse;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.util.List;
import java.util.OptionalInt;

/** An encoder–decoder's routes: texts of texts, token by token or by beams; those that need another model say what there is instead. */
final class SourceService implements Service {
    private static final List<String> OTHERS = List.of("/v1/chat/completions", "/v1/embeddings", "/v1/classify", "/v1/rerank");

    private final ServedModel model;
    private final BeamScheduler beams;
    private final ServerOptions options;
    private final Metrics metrics;
    private final byte[] description;
    private final long since = Instant.now().getEpochSecond();

    SourceService(ServedModel model, ServerOptions options) {
        this.model = model;
        this.options = options;
        beams = model.beams();
        metrics = new Metrics(model);
        try (InputStream in = SourceService.class.getResourceAsStream("openapi-sources.json")) {
            description = in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public Metrics metrics() {
        return metrics;
    }

    @Override
    public void routes(Listener on, HttpRouting.Builder routing) {
        var text = new TextRoutes(model, metrics, options);
        var translate = new TranslateRoute(model, beams, metrics, options);
        routing.post("/v1/completions", on.handler("completions", options.keys(), (request, response, exchange) -> text.text(exchange, response)))
                .post("/v1/translate", on.handler("translate", options.keys(), (request, response, exchange) -> translate.translate(exchange, response)));
        for (String other : OTHERS) {
            routing.post(other, on.handler("other", options.keys(), (request, response, exchange) -> refuse(exchange, other)));
        }
        Listener.get(routing, "/v1/models", on.handler("models", options.keys(), (request, response, exchange) -> models(exchange, response)));
        Listener.get(routing, ModelService.MODEL + "*", on.handler("models", options.keys(), (request, response, exchange) ->
                model(exchange, response, Listener.rest(request, ModelService.MODEL))));
        new TokenRoutes(model.tokenizer(), model::encode, each -> model.sources().ids("text", each, OptionalInt.empty()), options).add(on, routing);
        Listener.get(routing, "/openapi", on.handler("files", null, (request, response, exchange) ->
                Listener.send(response, exchange.connection(), "application/json", description)));
    }

    private void refuse(Exchange exchange, String path) {
        exchange.body();
        exchange.admit();
        throw ApiException.invalid(null, "unsupported_model", "'" + model.name() + "' is an encoder–decoder (" + model.sources().model().network().family().title()
                + "), which has nothing for " + path + ": it answers POST /v1/translate and POST /v1/completions");
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
        Lane lane = model.lanes().getFirst();
        ObjectNode tree = Json.object().put("id", model.name()).put("object", "model").put("created", since).put("owned_by", "zhulong").put("task", "translate");
        tree.put("context_length", lane.mostTokens()).put("num_beams", model.sources().options().beams());
        ArrayNode precisions = tree.putArray("precisions");
        precisions.addObject().put("precision", lane.precision().label()).put("engine", lane.engine());
        return tree;
    }

    @Override
    public AdminRoutes admin() {
        return new AdminRoutes(() -> ModelService.status(model), null, options);
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
