package dev.zhulong.serve;

import com.fasterxml.jackson.databind.JsonNode;
import io.helidon.http.HeaderNames;
import io.helidon.webserver.http.ServerResponse;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/** Server-sent events to one client, each on its way when a call returns. */
final class EventStream {
    private static final byte[] DATA = "data: ".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] END = "\n\n".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] DONE = "data: [DONE]\n\n".getBytes(StandardCharsets.US_ASCII);

    private final OutputStream out;
    private final Connection connection;

    /** Begins the answer. */
    EventStream(ServerResponse response, Connection connection) {
        this.connection = connection;
        response.header(HeaderNames.CONTENT_TYPE, "text/event-stream; charset=utf-8");
        response.header(HeaderNames.CACHE_CONTROL, "no-cache");
        // proxies that gather answers would undo the stream
        response.header(HeaderNames.create("X-Accel-Buffering"), "no");
        out = response.outputStream();
    }

    /**
     * Sends an event.
     *
     * @throws Answers.Gone where the client does not take it
     */
    void send(JsonNode event) {
        write(DATA, Json.bytes(event), END);
    }

    /** Sends the mark of the end, and ends the answer. */
    void done() {
        write(DONE);
        end();
    }

    /** Ends the answer without a mark: something went wrong. */
    void end() {
        connection.begin();
        try {
            out.close();
        } catch (IOException | RuntimeException e) {
            throw new Answers.Gone();
        } finally {
            connection.end();
        }
    }

    private void write(byte[]... parts) {
        connection.begin();
        try {
            for (byte[] part : parts) {
                out.write(part);
            }
            out.flush();
        } catch (IOException | RuntimeException e) {
            throw new Answers.Gone();
        } finally {
            connection.end();
        }
    }
}
