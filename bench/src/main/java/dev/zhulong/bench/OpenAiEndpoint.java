package dev.zhulong.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Any server of {@code /v1/completions}, asked in OpenAI's own fields and one that most servers know besides ({@code ignore_eos}), answered by a stream. */
public final class OpenAiEndpoint implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final URI url;
    private final String model;
    private final String key;
    private final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(Duration.ofSeconds(10)).build();

    /**
     * What one request came to.
     *
     * @param first  seconds to its first text
     * @param gaps   seconds between pieces of text
     * @param tokens written, as the server counts them, or else pieces of text
     * @param prompt tokens of the prompt as the server counts them; 0 where it does not say
     * @param cached how many of them it did not read
     */
    public record Reply(double first, List<Double> gaps, int tokens, int prompt, int cached) {}

    /**
     * @param base  such as {@code http://localhost:8080}
     * @param model null for the server's own
     * @param key   null for none
     */
    public OpenAiEndpoint(String base, String model, String key) {
        url = URI.create(base + "/v1/completions");
        this.model = model;
        this.key = key;
    }

    /** Asks for {@code tokens} tokens after {@code prompt}, the most likely ones, whatever ends a text. */
    public Reply ask(String prompt, int tokens) throws IOException, InterruptedException {
        ObjectNode body = JSON.createObjectNode().put("prompt", prompt).put("max_tokens", tokens).put("temperature", 0).put("stream", true).put("ignore_eos", true);
        body.putObject("stream_options").put("include_usage", true);
        if (model != null) {
            body.put("model", model);
        }
        var request = HttpRequest.newBuilder(url).header("Content-Type", "application/json").POST(HttpRequest.BodyPublishers.ofString(body.toString()));
        if (key != null) {
            request.header("Authorization", "Bearer " + key);
        }
        long began = System.nanoTime();
        HttpResponse<InputStream> response = send(request.build());
        try (InputStream in = response.body()) {
            if (response.statusCode() != 200) {
                throw new IOException("status " + response.statusCode() + ": " + new String(in.readAllBytes(), StandardCharsets.UTF_8).strip());
            }
            return read(in, began);
        }
    }

    private HttpResponse<InputStream> send(HttpRequest request) throws IOException, InterruptedException {
        try {
            return client.send(request, HttpResponse.BodyHandlers.ofInputStream());
        } catch (IOException e) {
            // a connection that idled while another server was measured may be closed by now; a new one is made once
            return client.send(request, HttpResponse.BodyHandlers.ofInputStream());
        }
    }

    private static Reply read(InputStream in, long began) throws IOException {
        double first = 0;
        List<Double> gaps = new ArrayList<>();
        int pieces = 0;
        int tokens = 0;
        int prompt = 0;
        int cached = 0;
        long last = 0;
        var lines = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            if (!line.startsWith("data: {")) {
                continue;
            }
            JsonNode event = JSON.readTree(line.substring("data: ".length()));
            if (event.has("error")) {
                throw new IOException(event.get("error").toString());
            }
            if (!event.at("/choices/0/text").asText("").isEmpty()) {
                long now = System.nanoTime();
                if (pieces++ == 0) {
                    first = (now - began) * 1e-9;
                } else {
                    gaps.add((now - last) * 1e-9);
                }
                last = now;
            }
            if (event.path("usage").isObject()) {
                tokens = event.at("/usage/completion_tokens").asInt();
                prompt = event.at("/usage/prompt_tokens").asInt();
                cached = event.at("/usage/prompt_tokens_details/cached_tokens").asInt();
            }
        }
        if (pieces == 0) {
            throw new IOException("the server sent an empty answer");
        }
        return new Reply(first, gaps, Math.max(tokens, tokens == 0 ? pieces : 0), prompt, cached);
    }

    @Override
    public void close() {
        client.close();
    }
}
