package dev.zhulong.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.helidon.common.socket.SocketOptions;
import io.helidon.http.DirectHandler;
import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Method;
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
import io.helidon.webserver.http1.Http1ConnectionSelector;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.System.Logger.Level;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Phaser;
import java.util.function.BiConsumer;
import java.util.function.Function;

/** A port: what is the same for every request that comes through it, whatever it asks. */
final class Listener implements AutoCloseable {
    private static final HeaderName API_KEY = HeaderNames.create("x-api-key");
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
    private final Patience patience;
    private final Hosts hosts;
    private final Origins origins;
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
        patience = new Patience(options.patience(), CONNECTIONS / 2);
        hosts = new Hosts(options.host(), options.hosts());
        origins = new Origins(options.origins(), hosts);
        // what a Host may be this server knows better
        var http = Http1Config.builder().maxHeadersSize(HEADER_BYTES).maxPrologueLength(LINE_BYTES).validateRequestHostHeader(false).receiveLog(false).sendLog(false)
                .addReceiveListener(patience).build();
        var connections = new HttpConnections(Http1ConnectionSelector.builder().config(http).build(), patience, LINE_BYTES);
        // longer than any request: the watch over clients that leave reads for as long
        var socket = new TimedSockets(SocketOptions.builder().tcpNoDelay(true).readTimeout(Duration.ofSeconds(options.requestSeconds() + 60L)).build(), patience);
        WebServerConfig.Builder builder = WebServer.builder().host(options.host()).port(options.port()).protocolsDiscoverServices(false).addConnectionSelector(connections)
                .useNio(false).connectionOptions(socket)
                .maxPayloadSize(options.bodyBytes()).maxTcpConnections(CONNECTIONS).contentEncoding(ContentEncodingContext.builder().contentEncodingsDiscoverServices(false).build())
                .shutdownHook(false).shutdownGracePeriod(Duration.ofSeconds(1)).directHandlers(direct()).routing(routing -> {
                    routes.accept(this, routing);
                    routing.options("/*", handler("preflight", null, this::preflight)).any("/*", handler("other", null, Listener::nothing));
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
        throw ApiException.of(404, "invalid_request_error", "not_found", "unknown path " + Json.shortened(request.prologue().method().text() + " "
                + request.path().path()) + ": GET /openapi lists the available ones");
    }

    int port() {
        return server.port();
    }

    /** The name behind {@code prefix} in a request's path, whatever characters it has: slashes of its own may be escaped or not. */
    static String rest(ServerRequest request, String prefix) {
        String raw = request.path().rawPath();
        // a plus is itself in a path
        return raw.startsWith(prefix) ? URLDecoder.decode(raw.substring(prefix.length()).replace("+", "%2B"), StandardCharsets.UTF_8)
                : request.path().path().substring(prefix.length());
    }

    /** What can be got: its head alone too. */
    static void get(HttpRouting.Builder routing, String path, Handler handler) {
        routing.get(path, handler).head(path, handler);
    }

    /**
     * A handler of requests.
     *
     * @param name of the route in metrics and logs
     * @param keys whose holders may call; null for everyone
     */
    Handler handler(String name, ApiKeys keys, Route route) {
        return handler(name, keys, ApiException::json, route);
    }

    /**
     * The same for clients that are told of errors in another form.
     *
     * @param errors how a problem is told
     */
    Handler handler(String name, ApiKeys keys, Function<ApiException, ObjectNode> errors, Route route) {
        return (request, response) -> {
            var exchange = new Exchange(request, patience.current(), null);
            int status = 500;
            exchange.connection().handles(request);
            closeIfAsked(request, response);
            answering.register();
            try {
                hosts.check(request, exchange.connection().isOld());
                if (!request.prologue().method().equals(Method.OPTIONS)) {
                    origins.check(request, response);
                }
                if (keys != null) {
                    exchange = new Exchange(request, patience.current(), keys.holder(key(request)));
                }
                route.answer(request, response, exchange);
                status = response.status().code();
            } catch (ApiException e) {
                status = e.status();
                send(response, exchange.connection(), e, errors);
            } catch (RequestException | CloseConnectionException e) {
                status = e instanceof RequestException wrong ? wrong.status().code() : 400;
                throw e;
            } catch (Answers.Gone e) {
                status = 499;
                throw new CloseConnectionException(e.getMessage(), e);
            } catch (RuntimeException | StackOverflowError | OutOfMemoryError e) {
                send(response, exchange.connection(), internal(e), errors);
            } finally {
                answering.arriveAndDeregister();
                exchange.connection().handled(request);
                metrics.request(name, status, exchange.age());
                log(exchange, name, status);
            }
        };
    }

    /** Helidon answers {@code Connection: close} by the same, and keeps the connection: a client that reads to the end would wait. */
    private void closeIfAsked(ServerRequest request, ServerResponse response) {
        String asked = String.join(",", request.headers().all(HeaderNames.CONNECTION, List::of));
        if (asked.toLowerCase(Locale.ROOT).contains("close")) {
            response.whenSent(patience.current()::serveNoMore);
        }
    }

    private void log(Exchange exchange, String name, int status) {
        if (options.log() != null) {
            options.log().println(Json.text(exchange.line(name, status)));
            options.log().flush();
        }
    }

    private void preflight(ServerRequest request, ServerResponse response, Exchange exchange) {
        origins.preflight(request, response);
    }

    /** The error that says nothing of what went wrong inside, which the log does. */
    static ApiException internal(Throwable problem) {
        String id = Shape.newId("err-");
        LOG.log(Level.ERROR, "internal error " + id, problem);
        return ApiException.of(500, "server_error", "internal_error", "something went wrong inside the server; its log says more under " + id);
    }

    /** As OpenAI's clients send it, or in the header of Anthropic's; null where there is none. */
    private static String key(ServerRequest request) {
        return request.headers().value(HeaderNames.AUTHORIZATION).or(() -> request.headers().value(API_KEY).map(key -> "Bearer " + key)).orElse(null);
    }

    private static void send(ServerResponse response, Connection connection, ApiException problem, Function<ApiException, ObjectNode> errors) {
        if (response.isSent()) {
            throw new CloseConnectionException("an answer cannot be started twice", problem);
        }
        if (problem.retryAfter() > 0) {
            response.header(HeaderNames.RETRY_AFTER, Integer.toString(problem.retryAfter()));
        }
        if (problem.status() == 401) {
            response.header(HeaderNames.WWW_AUTHENTICATE, "Bearer");
        }
        response.status(Status.create(problem.status()));
        send(response, connection, errors.apply(problem));
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
            if (connection.isHead()) {
                response.header(HeaderNames.CONTENT_LENGTH, Integer.toString(bytes.length));
                response.send(new byte[0]);
            } else {
                response.send(bytes);
            }
        } finally {
            connection.end();
        }
    }

    /** What Helidon refuses before a route sees it, told as everything else is. */
    private DirectHandlers direct() {
        DirectHandler handler = (request, type, status, headers, message) -> {
            ObjectNode tree = ApiException.of(status.code(), status.code() < 500 ? "invalid_request_error" : "server_error", null,
                    status.code() == 413 ? "the request is larger than this server takes" : status.code() < 500 ? "malformed HTTP request" : "the request cannot be answered").json();
            origins.allow(request.headers().value(HeaderNames.ORIGIN).orElse(null), (name, value) -> headers.set(HeaderValues.create(name, value)));
            return DirectHandler.TransportResponse.builder().status(status).headers(headers).header(HeaderNames.CONTENT_TYPE, JSON).keepAlive(false)
                    .entity(request.method().equals("HEAD") ? new byte[0] : Json.bytes(tree)).build();
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
