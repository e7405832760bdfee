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

    private final Service service;
    private final Listener listener;
    /** Null where there is none. */
    private final Listener admin;
    private volatile boolean draining;

    private ApiServer(Service service, ServerOptions options) {
        this.service = service;
        listener = new Listener(options, service.metrics(), this::routes);
        try {
            admin = options.admin() == null ? null : new Listener(options.forAdmin(), service.metrics(), service.admin()::add);
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
        return new ApiServer(model.sources() == null ? new ModelService(model, options) : new SourceService(model, options), options);
    }

    /** The same for an encoder: vectors, and labels where it has a head for them. */
    public static ApiServer start(ServedEncoder model, ServerOptions options) {
        return new ApiServer(new EncoderService(model, options), options);
    }

    /** The same for a model that hears: transcriptions and translations. */
    public static ApiServer start(ServedSpeech model, ServerOptions options) {
        return new ApiServer(new SpeechService(model, options), options);
    }

    public int port() {
        return listener.port();
    }

    /** Of the administrator; -1 where there is none. */
    public int adminPort() {
        return admin == null ? -1 : admin.port();
    }

    private void routes(Listener on, HttpRouting.Builder routing) {
        service.routes(on, routing);
        Listener.get(routing, "/health", on.handler("health", null, (request, response, exchange) -> health(exchange, response)));
        Listener.get(routing, "/ready", on.handler("ready", null, (request, response, exchange) -> ready(exchange, response)));
        Listener.get(routing, "/metrics", on.handler("metrics", null, (request, response, exchange) -> Listener.send(response, exchange.connection(),
                "text/plain; version=0.0.4; charset=utf-8", service.metrics().text().getBytes(StandardCharsets.UTF_8))));
    }

    private void health(Exchange exchange, ServerResponse response) {
        checkEngine();
        Listener.send(response, exchange.connection(), Json.object().put("status", "ok"));
    }

    /** An engine that has failed never answers again: whoever watches is to restart the server. */
    private void checkEngine() {
        Throwable failure = service.failure();
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
        service.drain();
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
