package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.infer.SchedulerOptions;
import dev.zhulong.serve.TestServer.Answer;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TheServerKeepsItsRulesTest {
    private static final String CHAT = "/v1/chat/completions";
    private static final String LONG = "{'messages':[{'role':'user','content':'x'}],'max_tokens':2000,'temperature':0}";
    private static final String SHORT = "{'messages':[{'role':'user','content':'x'}],'max_tokens':2,'temperature':0}";

    private static TestServer server(int running, int waiting, ServerOptions options) {
        return new TestServer(new ScriptedModel(4096, prompt -> "word ".repeat(500)), new SchedulerOptions(running, waiting, 100_000, 64, true), options);
    }

    @Test
    void whatIsWrongIsToldByItsField() {
        try (TestServer server = server(2, 4, ServerOptions.local(0))) {
            String[][] wrong = {
                {"{}", "messages must have at least one"}, {"{'messages':[]}", "messages must have at least one"}, {"{'messages':[{'role':'king','content':'x'}]}", "messages[0].role"},
                {"{'messages':[{'role':'user'}]}", "messages[0].content is missing"}, {"[]", "must be a JSON object"}, {"{'messages':", "not JSON"},
                {"{'messages':[{'role':'user','content':'x'}],'messages':[]}", "not JSON"}, {"{'messages':[{'role':'user','content':'x'}],'temperature':'hot'}", "temperature must be a number"},
                {"{'messages':[{'role':'user','content':'x'}],'temperature':1e999}", "temperature must be"}, {"{'messages':[{'role':'user','content':'x'}],'n':0}", "n must be"},
                {"{'messages':[{'role':'user','content':'x'}],'max_tokens':1.5}", "max_tokens must be"}, {"{'messages':[{'role':'user','content':'x'}],'top_logprobs':3}", "top_logprobs needs"},
                {"{'messages':[{'role':'user','content':'x'}],'logit_bias':{'999999':1}}", "logit_bias must map"}, {"{'messages':[{'role':'user','content':'\\ud800'}]}", "half a surrogate"},
                {"{'messages':[{'role':'user','content':[{'type':'image_url','image_url':{'url':'http://x'}}]}]}", "reads text alone"},
                {"{'messages':[{'role':'user','content':'x'}],'stop':['']}", "stop must not"}, {"{'messages':[{'role':'user','content':'x'}],'precision':'low'}", "not loaded here"},
                {"{'messages':[{'role':'user','content':'x'}],'stream_options':{}}", "stream_options needs"},
                {"{'messages':[{'role':'user','content':'x'}],'response_format':{'type':'json_schema','json_schema':{'strict':true,'schema':{'unevaluatedItems':true}}}}", "unevaluatedItems"},
                {"{'messages':[{'role':'user','content':'" + "x".repeat(5000) + "'}]}", "context_length_exceeded"}, {"{'messages':[{'role':'user','content':'x'}],'tool_choice':'required'}", "there are no tools"},
            };
            for (String[] each : wrong) {
                Answer answer = server.post(CHAT, each[0]);
                assertThat(answer.status()).as(each[0]).isEqualTo(400);
                assertThat(answer.error()).as(each[0]).contains(each[1]);
                assertThat(answer.json().at("/error/type").asText()).isEqualTo("invalid_request_error");
            }
            assertThat(server.post(CHAT, "{'model':'gpt','messages':[{'role':'user','content':'x'}]}").status()).isEqualTo(404);
            assertThat(server.raw(CHAT, new byte[] {'{', '"', (byte) 0xff, '"', ':', '1', '}'}).status()).isEqualTo(400);
            assertThat(server.get("/../../etc/passwd").status()).isIn(400, 404);
            assertThat(server.get(CHAT).status()).isEqualTo(404);
        }
    }

    @Test
    void aRequestThatIsTooLargeIsRefused() {
        try (TestServer server = server(2, 4, ServerOptions.local(0).withLimits(1000, 30, 600))) {
            assertThat(server.post(CHAT, "{'messages':'" + "x".repeat(2000) + "'}").status()).isEqualTo(413);
            assertThat(server.post(CHAT, SHORT).status()).isEqualTo(200);
        }
    }

    @Test
    void whereTooManyWaitTheNextIsToldWhenToComeAgain() throws Exception {
        try (TestServer server = server(1, 1, ServerOptions.local(0))) {
            server.model.sleepMillis = 5;
            List<CompletableFuture<Answer>> answers = new ArrayList<>();
            for (int i = 0; i < 6; i++) {
                answers.add(CompletableFuture.supplyAsync(() -> server.post(CHAT, "{'messages':[{'role':'user','content':'x'}],'max_tokens':100,'temperature':0}"),
                        task -> Thread.ofVirtual().start(task)));
            }
            int refused = 0;
            for (CompletableFuture<Answer> each : answers) {
                Answer answer = each.get(60, TimeUnit.SECONDS);
                assertThat(answer.status()).isIn(200, 429);
                if (answer.status() == 429) {
                    refused++;
                    assertThat(Integer.parseInt(answer.response().headers().firstValue("Retry-After").orElse("0"))).isPositive();
                }
            }
            assertThat(refused).isBetween(1, 5);
        }
    }

    private static Socket ask(TestServer server, String body) throws IOException {
        byte[] bytes = body.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
        var socket = new Socket("127.0.0.1", server.server.port());
        OutputStream out = socket.getOutputStream();
        out.write(("POST " + CHAT + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: " + bytes.length + "\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
        out.write(bytes);
        out.flush();
        return socket;
    }

    @Test
    void aClientThatLeavesIsNoticedAtOnceWhetherItStreamsOrNot() throws Exception {
        try (TestServer server = server(2, 4, ServerOptions.local(0))) {
            server.model.sleepMillis = 3;
            for (String stream : List.of("true", "false")) {
                Socket socket = ask(server, LONG.replace("'temperature'", "'stream':" + stream + ",'temperature'"));
                TestServer.await(20, () -> server.model.open == 1);
                Instant left = Instant.now();
                socket.close();
                TestServer.await(20, () -> server.model.open == 0);
                assertThat(Duration.between(left, Instant.now())).isLessThan(Duration.ofMillis(1500));
            }
            assertThat(server.post(CHAT, SHORT).status()).isEqualTo(200);
        }
    }

    @Test
    void aConnectionServesManyRequestsWhileItIsWatched() {
        try (TestServer server = server(2, 4, ServerOptions.local(0))) {
            for (int i = 0; i < 50; i++) {
                assertThat(server.post(CHAT, SHORT).status()).isEqualTo(200);
            }
        }
    }

    @Test
    void aConnectionIsClosedWhenTheClientAsksForIt() throws Exception {
        try (TestServer server = TestServer.of(prompt -> "ok")) {
            for (String head : List.of(" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", " HTTP/1.1\r\nHost: x\r\nconnection: Close\r\n")) {
                Map<String, String> ends = Map.of("{\"prompt\":\"x\"}", "}", "{\"prompt\":\"x\",\"stream\":true}", "data: [DONE]\n\n\r\n0\r\n\r\n", "{", "}}");
                for (String body : ends.keySet()) {
                    try (var socket = new Socket("127.0.0.1", server.server.port())) {
                        socket.setSoTimeout(10_000);
                        socket.getOutputStream().write(("POST /v1/completions" + head + "Content-Type: application/json\r\nContent-Length: " + body.length() + "\r\n\r\n" + body)
                                .getBytes(StandardCharsets.US_ASCII));
                        String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
                        assertThat(answer).startsWith(body.equals("{") ? "HTTP/1.1 400" : "HTTP/1.1 200").endsWith(ends.get(body));
                    }
                }
            }
        }
    }

    @Test
    void aClientThatSendsItsRequestTooSlowlyIsCutOff() throws Exception {
        try (TestServer server = server(2, 4, ServerOptions.local(0).withLimits(100_000, 1, 600)); var socket = new Socket("127.0.0.1", server.server.port())) {
            socket.getOutputStream().write(("POST " + CHAT + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{").getBytes(StandardCharsets.US_ASCII));
            socket.setSoTimeout(10_000);
            Instant began = Instant.now();
            try (InputStream in = socket.getInputStream()) {
                in.readAllBytes();
            } catch (IOException e) {
                assertThat(e).isNotInstanceOf(SocketTimeoutException.class);
            }
            assertThat(Duration.between(began, Instant.now())).isLessThan(Duration.ofSeconds(5));
        }
    }

    @Test
    void aClientThatDoesNotTakeItsAnswerIsCutOff() throws Exception {
        var model = new ScriptedModel(100_000, prompt -> "word ".repeat(19_000));
        try (TestServer server = new TestServer(model, new SchedulerOptions(2, 4, 300_000, 64, true), ServerOptions.local(0).withLimits(100_000, 1, 600))) {
            try (var socket = new Socket()) {
                socket.setReceiveBufferSize(4096);
                socket.connect(new InetSocketAddress("127.0.0.1", server.server.port()));
                byte[] body = "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"temperature\":0,\"stream\":true,\"n\":2,\"logprobs\":true,\"top_logprobs\":20}".getBytes(StandardCharsets.UTF_8);
                socket.getOutputStream().write(("POST " + CHAT + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: " + body.length + "\r\n\r\n")
                        .getBytes(StandardCharsets.US_ASCII));
                socket.getOutputStream().write(body);
                TestServer.await(20, () -> model.open == 2);
                TestServer.await(20, () -> model.open == 0);
            }
        }
    }

    @Test
    void aRequestIsGivenUpAtItsDeadline() {
        try (TestServer server = server(1, 4, ServerOptions.local(0).withLimits(100_000, 30, 1))) {
            server.model.sleepMillis = 20;
            assertThat(server.post(CHAT, LONG).status()).isEqualTo(504);
            JsonNode last = server.post(CHAT, LONG.replace("'temperature'", "'stream':true,'temperature'")).events().getLast();
            assertThat(last.at("/error/code").asText()).isEqualTo("deadline_exceeded");
        }
    }

    @Test
    void keysAreWantedCountedAndKeptAsHashes(@TempDir Path directory) throws Exception {
        Path file = directory.resolve("keys.json");
        String anna = ApiKeys.add(file, "anna", 3, null);
        String bert = ApiKeys.add(file, "bert", null, 10);
        assertThat(Files.readString(file)).doesNotContain(anna).doesNotContain(bert).contains("anna");
        try (TestServer server = server(2, 4, ServerOptions.local(0).withKeys(ApiKeys.read(file)))) {
            assertThat(server.post(CHAT, SHORT).status()).isEqualTo(401);
            assertThat(server.post(CHAT, SHORT, "Authorization", "Bearer " + anna + "x").status()).isEqualTo(401);
            assertThat(server.get("/v1/models").status()).isEqualTo(401);
            assertThat(server.get("/health").status()).isEqualTo(200);
            for (int i = 0; i < 3; i++) {
                assertThat(server.post(CHAT, SHORT, "Authorization", "Bearer " + anna).status()).isEqualTo(200);
            }
            Answer many = server.post(CHAT, SHORT, "Authorization", "Bearer " + anna);
            assertThat(many.status()).isEqualTo(429);
            assertThat(many.response().headers().firstValue("Retry-After")).isPresent();
            assertThat(server.post(CHAT, SHORT, "Authorization", "Bearer " + bert).status()).isEqualTo(200);
            assertThat(server.post(CHAT, SHORT, "Authorization", "Bearer " + bert).status()).isEqualTo(429);
        }
    }

    @Test
    void pagesOfOtherSitesMayNotCallUnlessTheyAreNamed() {
        try (TestServer server = server(2, 4, ServerOptions.local(0).withOrigins(Set.of("https://good.example")))) {
            assertThat(server.post(CHAT, SHORT, "Origin", "https://evil.example").status()).isEqualTo(403);
            Answer good = server.post(CHAT, SHORT, "Origin", "https://good.example");
            assertThat(good.status()).isEqualTo(200);
            assertThat(good.response().headers().firstValue("Access-Control-Allow-Origin")).contains("https://good.example");
            assertThat(server.post(CHAT, SHORT, "Origin", server.url()).status()).isEqualTo(200);
            assertThat(server.raw(CHAT, SHORT.replace('\'', '"').getBytes(StandardCharsets.UTF_8), "Content-Type", "text/plain").status()).isIn(200, 415);
        }
    }

    @Test
    void whatWasBegunIsAnsweredBeforeTheServerEnds() throws Exception {
        try (TestServer server = server(2, 4, ServerOptions.local(0))) {
            server.model.sleepMillis = 2;
            var answer = CompletableFuture.supplyAsync(() -> server.post(CHAT, LONG.replace("2000", "300")), task -> Thread.ofVirtual().start(task));
            TestServer.await(20, () -> server.model.open == 1);
            var drained = CompletableFuture.runAsync(() -> {
                try {
                    server.server.drain();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            }, task -> Thread.ofVirtual().start(task));
            TestServer.await(20, () -> server.get("/ready").status() == 503);
            assertThat(server.get("/health").status()).isEqualTo(200);
            assertThat(server.post(CHAT, SHORT).status()).isEqualTo(503);
            assertThat(answer.get(20, TimeUnit.SECONDS).json().at("/usage/completion_tokens").asInt()).isEqualTo(300);
            drained.get(20, TimeUnit.SECONDS);
        }
    }
}
