package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.infer.SchedulerOptions;
import dev.zhulong.serve.TestServer.Answer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class HostileRequestsAreRefusedNotSufferedTest {
    private static final int REQUESTS = 10_000;
    private static final int THREADS = 4;
    private static final String[] PATHS = {"/v1/chat/completions", "/v1/completions", "/v1/messages", "/v1/messages/count_tokens", "/v1/responses", "/api/chat", "/api/generate", "/api/embed", "/v1/embeddings", "/tokenize", "/detokenize"};
    private static final String[] FIELDS = {"model", "messages", "prompt", "input", "temperature", "top_p", "top_k", "min_p", "n", "stop", "seed", "logprobs", "top_logprobs",
        "logit_bias", "max_tokens", "max_completion_tokens", "response_format", "suffix", "tools", "tool_choice", "stream", "stream_options", "user", "precision", "echo",
        "frequency_penalty", "presence_penalty", "repetition_penalty", "parallel_tool_calls", "reasoning_effort", "text", "tokens", "encoding_format", "dimensions", "best_of", "role",
        "content", "type", "function", "name", "parameters", "json_schema", "schema", "strict", "properties", "$ref", "$defs", "items", "pattern", "enum", "anyOf", "minItems",
        "maxLength", "required", "additionalProperties", "arguments", "tool_calls"};
    private static final String[] VALUES = {"null", "true", "false", "0", "1", "-1", "2", "1e308", "1e-308", "-0.0", "123456789012345678901234567890", "NaN", "Infinity", "0x10", "01",
        "1e999999999", "\"\"", "\"tiny\"", "\"user\"", "\"assistant\"", "\"tool\"", "\"auto\"", "\"required\"", "\"json_schema\"", "\"json_object\"", "\"function\"", "\"low\"", "\"object\"",
        "\"integer\"", "\"string\"", "\"array\"", "\"#/$defs/a\"", "\"#\"", "\"(a*)*b\"", "\"[\"", "\"\\ud800\"", "\"\\u0000\"", "\"<A>\"", "\"<eos>\"", "\"{{ 1 }}\"", "\"../../etc/passwd\"", "[]", "{}",
        "[[]]", "[{}]", "[1,2,3]", "[\"a\"]", "2147483648", "9223372036854775808"};
    private static TestServer server;

    @BeforeAll
    static void start() {
        server = new TestServer(new ScriptedModel(512, prompt -> "ok"), new SchedulerOptions(8, 256, 20_000, 64, true), ServerOptions.local(0).withLimits(100_000, 5, 60));
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static String value(SplittableRandom random, int depth) {
        int kind = random.nextInt(depth > 4 ? 6 : 10);
        if (kind < 6) {
            return VALUES[random.nextInt(VALUES.length)];
        }
        if (kind == 6) {
            return "\"" + "x".repeat(random.nextInt(600)) + "\"";
        }
        return kind == 7 ? array(random, depth) : object(random, depth, random.nextInt(5));
    }

    private static String array(SplittableRandom random, int depth) {
        var parts = new ArrayList<String>();
        for (int i = random.nextInt(4); i >= 0; i--) {
            parts.add(value(random, depth + 1));
        }
        return "[" + String.join(",", parts) + "]";
    }

    private static String object(SplittableRandom random, int depth, int fields) {
        var parts = new ArrayList<String>();
        for (int i = 0; i < fields; i++) {
            parts.add("\"" + FIELDS[random.nextInt(FIELDS.length)] + "\":" + value(random, depth + 1));
        }
        return "{" + String.join(",", parts) + "}";
    }

    /** What is nearly right reaches further than what is all wrong. */
    private static String plausible(SplittableRandom random) {
        String valid = "{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"prompt\":\"hi\",\"input\":\"hi\",\"text\":\"hi\",\"tokens\":[1],\"max_tokens\":3";
        if (random.nextInt(3) == 0) {
            valid += ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"strict\":true,\"schema\":" + object(random, 1, 4) + "}}";
        }
        if (random.nextInt(3) == 0) {
            valid += ",\"tool_choice\":\"required\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":" + object(random, 1, 4) + "}}]";
        }
        var names = new ArrayList<>(List.of(FIELDS).subList(4, 30));
        for (int i = random.nextInt(3); i > 0; i--) {
            String name = names.remove(random.nextInt(names.size()));
            if (!valid.contains("\"" + name + "\"")) {
                valid += ",\"" + name + "\":" + value(random, 2);
            }
        }
        return valid + "}";
    }

    private static byte[] body(SplittableRandom random) {
        byte[] bytes = switch (random.nextInt(12)) {
            case 0 -> "[".repeat(random.nextInt(50_000)).getBytes(StandardCharsets.UTF_8);
            case 1 -> ("{\"messages\":" + "{\"a\":".repeat(random.nextInt(10_000))).getBytes(StandardCharsets.UTF_8);
            case 2 -> new byte[random.nextInt(300)];
            case 3 -> ("{\"temperature\":" + "9".repeat(random.nextInt(2000)) + "}").getBytes(StandardCharsets.UTF_8);
            case 4, 5, 6 -> object(random, 0, 6).getBytes(StandardCharsets.UTF_8);
            default -> plausible(random).getBytes(StandardCharsets.UTF_8);
        };
        if (random.nextInt(4) == 0 && bytes.length > 0) {
            for (int i = random.nextInt(4); i >= 0; i--) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
            }
        }
        return random.nextInt(8) == 0 ? Arrays.copyOf(bytes, random.nextInt(bytes.length + 1)) : bytes;
    }

    @Test
    void tenThousandBrokenRequestsNeverBreakTheServer() throws Exception {
        Map<Integer, Integer> statuses = new ConcurrentHashMap<>();
        List<Future<?>> parts = new ArrayList<>();
        try (var threads = Executors.newFixedThreadPool(THREADS)) {
            for (int t = 0; t < THREADS; t++) {
                var random = new SplittableRandom(t);
                parts.add(threads.submit(() -> {
                    for (int i = 0; i < REQUESTS / THREADS; i++) {
                        byte[] body = body(random);
                        String path = PATHS[random.nextInt(PATHS.length)];
                        Answer answer = server.raw(path, body);
                        assertThat(answer.status()).as(() -> new String(body, StandardCharsets.ISO_8859_1) + "\n" + answer.body()).isLessThan(500);
                        assertThat(answer.status() == 200 || answer.json().at(path.startsWith("/api/") ? "/error" : "/error/message").isTextual()).as(answer.body()).isTrue();
                        statuses.merge(answer.status(), 1, Integer::sum);
                    }
                }));
            }
            for (Future<?> part : parts) {
                part.get();
            }
        }
        assertThat(statuses.get(200)).isGreaterThan(REQUESTS / 20);
        assertThat(statuses.get(400)).isGreaterThan(REQUESTS / 4);
        assertThat(server.model.open).isZero();
        assertThat(server.post(PATHS[0], "{'messages':[{'role':'user','content':'x'}],'temperature':0}").json().at("/choices/0/message/content").asText()).isEqualTo("ok");
    }

    private static String exchange(byte[] bytes) throws IOException {
        try (var socket = new Socket("127.0.0.1", server.server.port())) {
            socket.setSoTimeout(10_000);
            try {
                socket.getOutputStream().write(bytes);
                socket.shutdownOutput();
            } catch (SocketException e) {
                // it was refused before all was sent
            }
            var answer = new ByteArrayOutputStream();
            try (InputStream in = socket.getInputStream()) {
                in.transferTo(answer);
            } catch (SocketException e) {
                // it was refused before all was read
            }
            return answer.toString(StandardCharsets.ISO_8859_1);
        }
    }

    @Test
    void brokenHttpIsRefusedAsWell() throws Exception {
        var random = new SplittableRandom(5);
        for (int i = 0; i < 300; i++) {
            String request = switch (random.nextInt(9)) {
                case 0 -> "GET /health HTTP/1.1\r\nHost: x\r\n" + "X-Flood: y\r\n".repeat(10_000) + "\r\n";
                case 1 -> "GET /" + "a".repeat(100_000) + " HTTP/1.1\r\nHost: x\r\n\r\n";
                case 2 -> "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
                case 3 -> "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: -5\r\n\r\n";
                case 4 -> "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
                case 5 -> "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n";
                case 6 -> "GET /health HTTP/9.9\r\n\r\n";
                case 7 -> "\0\1\2\3";
                default -> "GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
            };
            String answer = exchange(request.getBytes(StandardCharsets.ISO_8859_1));
            assertThat(answer.isEmpty() || answer.startsWith("HTTP/1.1 4") || answer.startsWith("HTTP/1.1 505")).as(request.substring(0, Math.min(100, request.length())) + answer).isTrue();
            assertThat(answer).doesNotContain("root:");
        }
        assertThat(server.get("/health").status()).isEqualTo(200);
    }
}
