package dev.zhulong.serve;

import com.fasterxml.jackson.databind.JsonNode;
import io.helidon.http.HeaderNames;
import io.helidon.webserver.http.ServerResponse;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/** Events to one client, each on its way when a call returns. */
final class EventStream {
    /** How events are told apart, and their end. */
    enum Style {
        /** Server-sent events of data alone, and a mark at the end: OpenAI's chats. */
        MARKED("text/event-stream; charset=utf-8"),
        /** Server-sent events that are called by their {@code type}: Anthropic's messages, OpenAI's responses. */
        NAMED("text/event-stream; charset=utf-8"),
        /** Lines of JSON: Ollama's. */
        LINES("application/x-ndjson");

        private final String type;

        Style(String type) {
            this.type = type;
        }
    }

    private static final byte[] EVENT = "event: ".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] LINE = "\n".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] DATA = "data: ".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] END = "\n\n".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] DONE = "data: [DONE]\n\n".getBytes(StandardCharsets.US_ASCII);

    private final OutputStream out;
    private final Connection connection;
    private final Style style;

    /** Begins the answer. */
    EventStream(ServerResponse response, Connection connection, Style style) {
        this.connection = connection;
        this.style = style;
        response.header(HeaderNames.CONTENT_TYPE, style.type);
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
        switch (style) {
            case MARKED -> write(DATA, Json.bytes(event), END);
            case NAMED -> write(EVENT, event.path("type").asText().getBytes(StandardCharsets.US_ASCII), LINE, DATA, Json.bytes(event), END);
            case LINES -> write(Json.bytes(event), LINE);
        }
    }

    /** Sends the mark of the end, where there is one, and ends the answer. */
    void done() {
        if (style == Style.MARKED) {
            write(DONE);
        }
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
