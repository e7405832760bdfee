package dev.zhulong.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.helidon.common.socket.SocketOptions;
import io.helidon.http.DirectHandler;
import io.helidon.http.HeaderNames;
import io.helidon.http.RequestException;
import io.helidon.http.Status;
import io.helidon.http.encoding.ContentEncodingContext;
import io.helidon.webserver.CloseConnectionException;
import io.helidon.webserver.WebServer;
import io.helidon.webserver.WebServerConfig;
import io.helidon.webserver.http.DirectHandlers;
import io.helidon.webserver.http.Handler;
import io.helidon.webserver.http.HttpRouting;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import io.helidon.webserver.http1.Http1Config;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.System.Logger.Level;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Phaser;
import java.util.function.BiConsumer;

/** A port: what is the same for every request that comes through it, whatever it asks. */
final class Listener implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(Listener.class.getName());
    private static final String JSON = "application/json";
    private static final int HEADER_BYTES = 16 << 10;
    private static final int LINE_BYTES = 4 << 10;
    private static final int CONNECTIONS = 4096;

    /** Answers one request. */
    interface Route {
        void answer(ServerRequest request, ServerResponse response, Exchange exchange);
    }

    private final ServerOptions options;
    private final Metrics metrics;
    private final Connection.Patience patience;
    private final Phaser answering = new Phaser(1);
    private final WebServer server;

    /**
     * Listens.
     *
     * @param routes given this and where routes are added
     * @throws UncheckedIOException where the port cannot be had
     */
    Listener(ServerOptions options, Metrics metrics, BiConsumer<Listener, HttpRouting.Builder> routes) {
        probe(options);
        this.options = options;
        this.metrics = metrics;
        patience = new Connection.Patience(options.patience());
        var http = Http1Config.builder().maxHeadersSize(HEADER_BYTES).maxPrologueLength(LINE_BYTES).receiveLog(false).sendLog(false).addReceiveListener(patience).build();
        // longer than any request: the watch over clients that leave reads for as long
        var socket = new TimedSockets(SocketOptions.builder().tcpNoDelay(true).readTimeout(Duration.ofSeconds(options.requestSeconds() + 60L)).build());
        WebServerConfig.Builder builder = WebServer.builder().host(options.host()).port(options.port()).addProtocol(http).useNio(false).connectionOptions(socket)
                .maxPayloadSize(options.bodyBytes()).maxTcpConnections(CONNECTIONS).contentEncoding(ContentEncodingContext.builder().contentEncodingsDiscoverServices(false).build())
                .shutdownHook(false).shutdownGracePeriod(Duration.ofSeconds(1)).directHandlers(direct()).routing(routing -> {
                    routes.accept(this, routing);
                    routing.options("/*", this::preflight).any("/*", handler("other", null, Listener::nothing));
                });
        if (options.tls() != null) {
            builder.tls(options.tls());
        }
        server = builder.build();
        server.start();
        if (!server.isRunning()) {
            patience.close();
            throw new UncheckedIOException(new IOException("cannot listen on " + options.host() + ":" + options.port()));
        }
    }

    /** Helidon logs what keeps it from a port, and goes on as if it had it. */
    private static void probe(ServerOptions options) {
        try (var socket = new ServerSocket()) {
            socket.bind(new InetSocketAddress(options.host(), options.port()));
        } catch (IOException e) {
            throw new UncheckedIOException(new IOException("cannot listen on " + options.host() + ":" + options.port() + ": " + e.getMessage(), e));
        }
    }

    private static void nothing(ServerRequest request, ServerResponse response, Exchange exchange) {
        throw ApiException.of(404, "invalid_request_error", "not_found", "there is nothing at " + Json.shortened(request.prologue().method().text() + " "
                + request.path().path()) + ": GET /openapi lists what there is");
    }

    int port() {
        return server.port();
    }

    /**
     * A handler of requests.
     *
     * @param name of the route in metrics and logs
     * @param keys whose holders may call; null for everyone
     */
    Handler handler(String name, ApiKeys keys, Route route) {
        return (request, response) -> {
            var exchange = new Exchange(request, patience.current(), null);
            int status = 500;
            closeIfAsked(request, response);
            answering.register();
            try {
                refuseOtherSites(request, response);
                if (keys != null) {
                    exchange = new Exchange(request, patience.current(), keys.holder(request.headers().value(HeaderNames.AUTHORIZATION).orElse(null)));
                }
                route.answer(request, response, exchange);
                status = response.status().code();
            } catch (ApiException e) {
                status = e.status();
                send(response, exchange.connection(), e);
            } catch (RequestException | CloseConnectionException e) {
                status = e instanceof RequestException wrong ? wrong.status().code() : 400;
                throw e;
            } catch (Answers.Gone e) {
                status = 499;
                throw new CloseConnectionException(e.getMessage(), e);
            } catch (RuntimeException | StackOverflowError | OutOfMemoryError e) {
                send(response, exchange.connection(), internal(e));
            } finally {
                answering.arriveAndDeregister();
                exchange.connection().end();
                metrics.request(name, status, exchange.age());
                log(exchange, name, status);
            }
        };
    }

    /** Helidon answers {@code Connection: close} by the same, and keeps the connection: a client that reads to the end would wait. */
    private void closeIfAsked(ServerRequest request, ServerResponse response) {
        if (request.headers().value(HeaderNames.CONNECTION).orElse("").toLowerCase(Locale.ROOT).contains("close")) {
            response.whenSent(patience.current()::close);
        }
    }

    private void log(Exchange exchange, String name, int status) {
        if (options.log() != null) {
            options.log().println(Json.text(exchange.line(name, status)));
            options.log().flush();
        }
    }

    /** A page of another site may not call, however its user's browser is told to: only pages of this server and of sites that were named. */
    private void refuseOtherSites(ServerRequest request, ServerResponse response) {
        String origin = request.headers().value(HeaderNames.ORIGIN).orElse(null);
        if (origin == null) {
            return;
        }
        if (options.origins().contains(origin)) {
            response.header(HeaderNames.ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            response.header(HeaderNames.VARY, "Origin");
        } else if (!isOwn(origin, request)) {
            throw ApiException.of(403, "invalid_request_error", "cors", "pages of " + Json.shortened(origin) + " may not call this server: --allow-origin names those that may");
        }
    }

    private static boolean isOwn(String origin, ServerRequest request) {
        try {
            String authority = URI.create(origin).getRawAuthority();
            return authority != null && authority.equalsIgnoreCase(request.headers().value(HeaderNames.HOST).orElse(""));
        } catch (IllegalArgumentException e) {
            return false;
        }
    }

    private void preflight(ServerRequest request, ServerResponse response) {
        String origin = request.headers().value(HeaderNames.ORIGIN).orElse("");
        patience.current().end();
        if (options.origins().contains(origin)) {
            response.header(HeaderNames.ACCESS_CONTROL_ALLOW_ORIGIN, origin).header(HeaderNames.VARY, "Origin").header(HeaderNames.ACCESS_CONTROL_ALLOW_METHODS, "GET, POST")
                    .header(HeaderNames.ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type").header(HeaderNames.ACCESS_CONTROL_MAX_AGE, "600");
        }
        closeIfAsked(request, response);
        response.status(Status.NO_CONTENT_204).send();
    }

    /** The error that says nothing of what went wrong inside, which the log does. */
    static ApiException internal(Throwable problem) {
        String id = Shape.newId("err-");
        LOG.log(Level.ERROR, "internal error " + id, problem);
        return ApiException.of(500, "server_error", "internal_error", "something went wrong inside the server; its log says more under " + id);
    }

    private static void send(ServerResponse response, Connection connection, ApiException problem) {
        if (response.isSent()) {
            throw new CloseConnectionException("an answer cannot be begun twice", problem);
        }
        if (problem.retryAfter() > 0) {
            response.header(HeaderNames.RETRY_AFTER, Integer.toString(problem.retryAfter()));
        }
        if (problem.status() == 401) {
            response.header(HeaderNames.WWW_AUTHENTICATE, "Bearer");
        }
        response.status(Status.create(problem.status()));
        send(response, connection, problem.json());
    }

    /** Sends an answer whole, to a client that takes it in time. */
    static void send(ServerResponse response, Connection connection, JsonNode tree) {
        send(response, connection, JSON, Json.bytes(tree));
    }

    /** The same of another type. */
    static void send(ServerResponse response, Connection connection, String type, byte[] bytes) {
        connection.begin();
        try {
            response.header(HeaderNames.CONTENT_TYPE, type);
            response.send(bytes);
        } finally {
            connection.end();
        }
    }

    /** What Helidon refuses before a route sees it, told as everything else is. */
    private static DirectHandlers direct() {
        DirectHandler handler = (request, type, status, headers, message) -> {
            ObjectNode tree = ApiException.of(status.code(), status.code() < 500 ? "invalid_request_error" : "server_error", null,
                    status.code() == 413 ? "the request is larger than this server takes" : status.code() < 500 ? "malformed HTTP request" : "the request cannot be answered").json();
            return DirectHandler.TransportResponse.builder().status(status).headers(headers).header(HeaderNames.CONTENT_TYPE, JSON).keepAlive(false)
                    .entity(Json.bytes(tree)).build();
        };
        var handlers = DirectHandlers.builder();
        for (DirectHandler.EventType type : DirectHandler.EventType.values()) {
            handlers.addHandler(type, handler);
        }
        return handlers.build();
    }

    /** Waits until all requests that have begun have their answers. */
    void drain() throws InterruptedException {
        answering.awaitAdvanceInterruptibly(answering.arrive());
    }

    @Override
    public void close() {
        server.stop();
        patience.close();
    }
}
