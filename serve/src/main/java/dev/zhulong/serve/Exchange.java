package dev.zhulong.serve;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.helidon.http.DirectHandler;
import io.helidon.http.HeaderNames;
import io.helidon.http.RequestException;
import io.helidon.webserver.http.ServerRequest;
import java.time.Instant;

/** A request on its way through the server, and what is noted of it. */
final class Exchange {
    private static final String JSON = "application/json";

    private final ServerRequest request;
    private final Connection connection;
    private final KeyHolder holder;
    private final long began = System.nanoTime();
    private String id = "";
    private Usage usage;

    /** @param holder of the key it came with; null where none is wanted */
    Exchange(ServerRequest request, Connection connection, KeyHolder holder) {
        this.request = request;
        this.connection = connection;
        this.holder = holder;
    }

    Connection connection() {
        return connection;
    }

    /** Whose it is; nobody's text is ever reused for another. */
    String tenant() {
        return holder == null ? "" : holder.name();
    }

    /** Whose turn it takes: a tenant's, or where there are none a machine's. */
    String client() {
        return holder == null ? request.remotePeer().host() : holder.name();
    }

    /** Nanoseconds since it came. */
    long age() {
        return System.nanoTime() - began;
    }

    /**
     * The body, read whole and in time; from then on it is noticed when the client leaves.
     *
     * @throws ApiException where it is no JSON object
     */
    Fields body() {
        String type = request.headers().value(HeaderNames.CONTENT_TYPE).orElse("");
        if (!type.regionMatches(true, 0, JSON, 0, JSON.length())) {
            throw ApiException.of(415, "invalid_request_error", "unsupported_media_type", "send JSON with Content-Type: " + JSON);
        }
        byte[] bytes = request.content().hasEntity() ? read() : new byte[0];
        connection.end();
        connection.watch();
        return Fields.of(Json.body(bytes));
    }

    /**
     * The same of a body that is a form.
     *
     * @throws ApiException where it is none
     */
    FormData form() {
        String type = request.headers().value(HeaderNames.CONTENT_TYPE).orElse("");
        byte[] bytes = request.content().hasEntity() ? read() : new byte[0];
        connection.end();
        connection.watch();
        return FormData.of(type, bytes);
    }

    private byte[] read() {
        try {
            return request.content().as(byte[].class);
        } catch (RequestException e) {
            throw e;
        } catch (RuntimeException e) {
            // a broken chunk, or a client that left: where the next request begins nobody knows
            throw RequestException.builder().type(DirectHandler.EventType.BAD_REQUEST).message("the body cannot be read").cause(e).setKeepAlive(false).build();
        }
    }

    /** Who waits for the answer, from now on for so many seconds. */
    Caller caller(int seconds) {
        return new Caller(Instant.now().plusSeconds(seconds), connection::isOpen);
    }

    /** Counts a request against its key's limits. */
    void admit() {
        if (holder != null) {
            holder.begin();
        }
    }

    /** What is told under this id took so much. */
    void took(String answerId, Usage taken) {
        id = answerId;
        usage = taken;
        if (holder != null) {
            holder.took(taken);
        }
    }

    /** A line of the log: whose request it was and what it took, nothing of what it said. */
    ObjectNode line(String route, int status) {
        ObjectNode tree = Json.object().put("time", Instant.now().toString()).put("route", route).put("status", status).put("client", client());
        tree.put("millis", age() / 1_000_000);
        if (usage != null) {
            tree.put("id", id).put("prompt_tokens", usage.promptTokens()).put("cached_tokens", usage.cachedTokens()).put("completion_tokens", usage.writtenTokens());
        }
        return tree;
    }
}
