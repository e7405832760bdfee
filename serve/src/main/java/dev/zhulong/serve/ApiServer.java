package dev.zhulong.serve;

import io.helidon.webserver.http.HttpRouting;
import io.helidon.webserver.http.ServerResponse;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/**
 * The HTTP server over a model.
 *
 * <pre>{@code
 * try (var server = ApiServer.start(model, ServerOptions.local(8080))) {
 *     …
 *     server.drain();
 * }
 * }</pre>
 */
public final class ApiServer implements AutoCloseable {
    /** Most tokens of a text whose vector is made: memory for their keys and values is needed besides the scheduler's. */
    public static final int EMBED_TOKENS = 2048;

    private static final String MODEL = "/v1/models/";

    private final ServedModel model;
    private final ServerOptions options;
    private final Metrics metrics;
    private final Listener listener;
    /** Null where there is none. */
    private final Listener admin;
    private volatile boolean draining;

    private ApiServer(ServedModel model, ServerOptions options) {
        this.model = model;
        this.options = options;
        metrics = new Metrics(model);
        listener = new Listener(options, metrics, this::routes);
        try {
            admin = options.admin() == null ? null : new Listener(options.forAdmin(), metrics, new AdminRoutes(model, options)::add);
        } catch (RuntimeException e) {
            listener.close();
            throw e;
        }
    }

    /**
     * Listens.
     *
     * @throws UncheckedIOException where the port cannot be had
     */
    public static ApiServer start(ServedModel model, ServerOptions options) {
        return new ApiServer(model, options);
    }

    public int port() {
        return listener.port();
    }

    /** Of the administrator; -1 where there is none. */
    public int adminPort() {
        return admin == null ? -1 : admin.port();
    }

    private void routes(Listener on, HttpRouting.Builder routing) {
        var text = new TextRoutes(model, metrics, options);
        var about = new ModelRoutes(model, new Embedder(model.lanes().getLast(), EMBED_TOKENS), options, metrics);
        routing.post("/v1/chat/completions", on.handler("chat", options.keys(), (request, response, exchange) -> text.chat(exchange, response)))
                .post("/v1/completions", on.handler("completions", options.keys(), (request, response, exchange) -> text.text(exchange, response)))
                .post("/v1/embeddings", on.handler("embeddings", options.keys(), (request, response, exchange) -> about.embeddings(exchange, response)))
                .post("/tokenize", on.handler("tokenize", options.keys(), (request, response, exchange) -> about.tokenize(exchange, response)))
                .post("/detokenize", on.handler("detokenize", options.keys(), (request, response, exchange) -> about.detokenize(exchange, response)));
        Listener.get(routing, "/v1/models", on.handler("models", options.keys(), (request, response, exchange) -> about.models(exchange, response)));
        Listener.get(routing, MODEL + "*", on.handler("models", options.keys(), (request, response, exchange) -> about.model(exchange, response, Listener.rest(request, MODEL))));
        Listener.get(routing, "/health", on.handler("health", null, (request, response, exchange) -> health(exchange, response)));
        Listener.get(routing, "/ready", on.handler("ready", null, (request, response, exchange) -> ready(exchange, response)));
        Listener.get(routing, "/metrics", on.handler("metrics", null, (request, response, exchange) -> Listener.send(response, exchange.connection(),
                "text/plain; version=0.0.4; charset=utf-8", metrics.text().getBytes(StandardCharsets.UTF_8))));
        new PageRoutes().add(on, routing);
    }

    private void health(Exchange exchange, ServerResponse response) {
        checkEngine();
        Listener.send(response, exchange.connection(), Json.object().put("status", "ok"));
    }

    /** An engine that has failed never answers again: whoever watches is to restart the server. */
    private void checkEngine() {
        Throwable failure = model.failure();
        if (failure != null) {
            throw ApiException.of(503, "server_error", "engine_failed", "the engine has failed: " + failure + "; restart the server");
        }
    }

    private void ready(Exchange exchange, ServerResponse response) {
        checkEngine();
        if (draining) {
            throw ApiException.later(503, "server_error", "shutting_down", 5, "the server is shutting down");
        }
        Listener.send(response, exchange.connection(), Json.object().put("status", "ready"));
    }

    /** Is no longer ready, takes no more, and waits until what was taken is answered. */
    public void drain() throws InterruptedException {
        draining = true;
        model.drain();
        // what is written is not yet sent
        listener.drain();
    }

    @Override
    public void close() {
        listener.close();
        if (admin != null) {
            admin.close();
        }
    }
}
