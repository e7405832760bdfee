package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.formats.GenerationConfig;
import dev.zhulong.infer.SchedulerOptions;
import dev.zhulong.serve.ServedModel.Route;
import dev.zhulong.text.chat.ChatTemplate;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.UnaryOperator;

/** A server over a {@link ScriptedModel} and a client for it. */
final class TestServer implements AutoCloseable {
    static final String TEMPLATE = "{% for tool in tools or [] %}[{{ tool.function.name }}]{% endfor %}{% for message in messages %}<{{ message.role }}>{{ message.content }}"
            + "{% for call in message.tool_calls or [] %}({{ call.function.name }} {{ call.function.arguments | tojson }}){% endfor %}{% endfor %}"
            + "{% if add_generation_prompt %}<A>{% endif %}";
    private static final ObjectMapper MAPPER = new ObjectMapper();

    final ScriptedModel model;
    final ServedModel served;
    final ApiServer server;
    final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    TestServer(ScriptedModel model, SchedulerOptions scheduling, ServerOptions options) {
        this.model = model;
        served = served(scheduling, new Route(Precision.HIGH, "script", model));
        server = started(served, options);
    }

    /** What serves scripted models. */
    static ServedModel served(SchedulerOptions scheduling, Route... routes) {
        return new ServedModel("tiny", new Bytes(), ChatTemplate.parse(TEMPLATE, Map.of()), GenerationConfig.of(-1, List.of(Bytes.EOS)), List.of(Bytes.EOS), "test",
                List.of(routes), scheduling, precision -> null);
    }

    /** Over a model that stays the caller's. */
    TestServer(ServedModel served, ServerOptions options) {
        model = null;
        this.served = served;
        server = started(served, options);
    }

    /** Over an encoder that stays the caller's. */
    TestServer(ServedEncoder encoder, ServerOptions options) {
        model = null;
        served = null;
        server = ApiServer.start(encoder, options);
    }

    /** Over a model that hears and stays the caller's. */
    TestServer(ServedSpeech speech, ServerOptions options) {
        model = null;
        served = null;
        server = ApiServer.start(speech, options);
    }

    /** Called x as well, which is what tests call it that write their own HTTP. */
    private static ApiServer started(ServedModel served, ServerOptions options) {
        Set<String> names = new HashSet<>(options.hosts());
        names.add("x");
        return ApiServer.start(served, options.withHosts(names));
    }

    static TestServer of(UnaryOperator<String> script) {
        return new TestServer(new ScriptedModel(4096, script), new SchedulerOptions(8, 64, 100_000, 64, true), ServerOptions.local(0));
    }

    String url() {
        return "http://127.0.0.1:" + server.port();
    }

    /** Waits until {@code condition} holds, for so many seconds at most. */
    static void await(int seconds, BooleanSupplier condition) {
        Instant end = Instant.now().plusSeconds(seconds);
        while (!condition.getAsBoolean()) {
            assertThat(Instant.now()).isBefore(end);
            try {
                Thread.sleep(10);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    /** An answer. */
    record Answer(int status, String body, HttpResponse<String> response) {
        JsonNode json() {
            return parsed(body);
        }

        /** Events of a stream, without the mark of its end. */
        List<JsonNode> events() {
            List<JsonNode> events = new ArrayList<>();
            for (String event : body.split("\n\n")) {
                if (!event.equals("data: [DONE]")) {
                    events.add(parsed(event.substring(event.indexOf("data: ") + "data: ".length())));
                }
            }
            return events;
        }

        /** The error's message, with its code where it has one. */
        String error() {
            return json().at("/error/message").asText() + " " + json().at("/error/code").asText("");
        }
    }

    static JsonNode parsed(String json) {
        try {
            return MAPPER.readTree(json);
        } catch (IOException e) {
            throw new UncheckedIOException(json, e);
        }
    }

    /** Posts JSON that is written with ' for ". */
    Answer post(String path, String body, String... headers) {
        return raw(path, body.replace('\'', '"').getBytes(StandardCharsets.UTF_8), headers);
    }

    Answer raw(String path, byte[] body, String... headers) {
        var request = HttpRequest.newBuilder(URI.create(url() + path)).header("Content-Type", "application/json").POST(HttpRequest.BodyPublishers.ofByteArray(body));
        return send(headers.length == 0 ? request : request.headers(headers));
    }

    Answer get(String path, String... headers) {
        var request = HttpRequest.newBuilder(URI.create(url() + path));
        return send(headers.length == 0 ? request : request.headers(headers));
    }

    /** Sends bytes as they are, and gives all that comes until the server closes the connection. */
    String exchange(String bytes) {
        try (var socket = new Socket("127.0.0.1", server.port())) {
            socket.setSoTimeout(30_000);
            socket.getOutputStream().write(bytes.getBytes(StandardCharsets.UTF_8));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Asks the administrator's port. */
    Answer admin(String key, String method, String path, String body) {
        return send(HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.adminPort() + path)).header("Authorization", "Bearer " + key)
                .header("Content-Type", "application/json").method(method, HttpRequest.BodyPublishers.ofString(body)));
    }

    private Answer send(HttpRequest.Builder request) {
        try {
            HttpResponse<String> response = client.send(request.build(), HttpResponse.BodyHandlers.ofString());
            return new Answer(response.statusCode(), response.body(), response);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        client.close();
        server.close();
        if (model != null) {
            served.close();
        }
    }
}
