package dev.zhulong.serve;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.helidon.webserver.http.HttpRouting;
import io.helidon.webserver.http.ServerResponse;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.time.Instant;

/** The routes of a model that hears; those that take text say what there is instead. */
final class SpeechService implements Service {
    private final ServedSpeech model;
    private final ServerOptions options;
    private final Metrics metrics;
    private final byte[] description;
    private final long since = Instant.now().getEpochSecond();

    SpeechService(ServedSpeech model, ServerOptions options) {
        this.model = model;
        this.options = options;
        metrics = new Metrics(model);
        try (InputStream in = SpeechService.class.getResourceAsStream("openapi-speech.json")) {
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
        var routes = new SpeechRoutes(model, metrics, options);
        routing.post("/v1/audio/transcriptions", on.handler("transcriptions", options.keys(), (request, response, exchange) -> routes.transcribe(exchange, response, false)))
                .post("/v1/audio/translations", on.handler("translations", options.keys(), (request, response, exchange) -> routes.transcribe(exchange, response, true)))
                .post("/v1/chat/completions", on.handler("chat", options.keys(), (request, response, exchange) -> readsNothing(exchange)))
                .post("/v1/completions", on.handler("completions", options.keys(), (request, response, exchange) -> readsNothing(exchange)));
        Listener.get(routing, "/v1/models", on.handler("models", options.keys(), (request, response, exchange) -> models(exchange, response)));
        Listener.get(routing, ModelService.MODEL + "*", on.handler("models", options.keys(), (request, response, exchange) ->
                model(exchange, response, Listener.rest(request, ModelService.MODEL))));
        Listener.get(routing, "/openapi", on.handler("files", null, (request, response, exchange) ->
                Listener.send(response, exchange.connection(), "application/json", description)));
    }

    private void readsNothing(Exchange exchange) {
        exchange.body();
        exchange.admit();
        throw ApiException.invalid(null, "unsupported_model", "'" + model.name() + "' hears recordings and reads no text: it answers POST /v1/audio/transcriptions and"
                + " POST /v1/audio/translations");
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
        ArrayNode languages = tree.putArray("languages");
        model.model().tokens().languages().keySet().stream().sorted().forEach(languages::add);
        tree.putArray("precisions").addObject().put("precision", Precision.HIGH.label()).put("engine", model.engine());
        return tree;
    }

    @Override
    public AdminRoutes admin() {
        return new AdminRoutes(this::status, null, options);
    }

    private ObjectNode status() {
        ObjectNode tree = Json.object().put("model", model.name());
        tree.putArray("lanes").addObject().put("precision", Precision.HIGH.label()).put("engine", model.engine()).put("waiting", model.waiting());
        return tree;
    }

    /** One recording that fails does not keep the next from being heard. */
    @Override
    public Throwable failure() {
        return null;
    }

    @Override
    public void drain() throws InterruptedException {
        model.drain();
    }
}
