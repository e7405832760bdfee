package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.infer.SchedulerOptions;
import dev.zhulong.infer.constrain.Constraint;
import dev.zhulong.infer.constrain.TokenBytes;
import dev.zhulong.serve.TestServer.Answer;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.api.Test;

/** Every route that computes gives up at the request's deadline, and when nobody waits any longer. */
class NothingIsComputedPastItsDeadlineTest {
    private static final String MANY = "'" + String.join("','", Collections.nCopies(500, "x".repeat(300))) + "'";

    private static TestServer server(int seconds) {
        var server = new TestServer(new ScriptedModel(4096, prompt -> "word ".repeat(500)), new SchedulerOptions(2, 64, 100_000, 64, true),
                ServerOptions.local(0).withLimits(1_000_000, 30, seconds));
        server.model.sleepMillis = 20;
        return server;
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "/v1/chat/completions | {'messages':[{'role':'user','content':'x'}],'max_tokens':2000,'temperature':0}",
        "/v1/chat/completions | {'messages':[{'role':'user','content':'x'}],'max_tokens':2000,'temperature':0,'n':5}",
        "/v1/completions | {'prompt':'x','max_tokens':2000,'temperature':0}",
        "/v1/completions | {'prompt':['x','y','z'],'n':4,'max_tokens':2000,'temperature':0}",
        "/v1/embeddings | {'input':[MANY]}",
        "/v1/embeddings | {'input':[MANY],'encoding_format':'base64'}"})
    void itIsGivenUp(String path, String body) {
        try (TestServer server = server(1)) {
            Answer answer = server.post(path, body.replace("MANY", MANY));
            assertThat(answer.status()).isEqualTo(504);
            assertThat(answer.error()).contains("deadline_exceeded");
            TestServer.await(20, () -> server.model.open == 0);
        }
    }

    @Test
    void aDeadlineMayBeWeeksAway() {
        // more milliseconds than an int has
        try (var server = new TestServer(new ScriptedModel(4096, prompt -> "ok"), SchedulerOptions.of(4, 10_000), ServerOptions.local(0).withLimits(1_000_000, 30, 2_200_000))) {
            assertThat(server.post("/v1/completions", "{'prompt':'x','max_tokens':2}").status()).isEqualTo(200);
        }
    }

    @Test
    void norAreTheTextsOfARequestReadToTheirEnd() {
        try (TestServer server = server(600)) {
            var requests = new Requests(server.served);
            Fields body = Fields.of(Json.body("{\"prompt\": [\"a\", \"b\", [65], \"c\"], \"input\": [\"a\", \"b\", [65], \"c\"]}".getBytes(StandardCharsets.UTF_8)));
            for (int patience = 0; patience < 4; patience++) {
                for (boolean leaves : new boolean[] {true, false}) {
                    int most = patience;
                    List<String> read = new ArrayList<>();
                    // a text that takes until then, or until nobody waits
                    var begun = new Caller(Instant.MAX, () -> !leaves || read.size() < most);
                    var over = new Caller(Instant.MIN, () -> true);
                    assertThatThrownBy(() -> requests.text(body, text -> told(read, text), leaves ? begun : over)).isInstanceOf(leaves ? Answers.Gone.class : ApiException.class);
                    assertThat(read).hasSize(leaves ? most : 0);
                    read.clear();
                    assertThatThrownBy(() -> requests.inputs(body, "input", 10, text -> told(read, text), leaves ? begun : over)).isInstanceOf(leaves ? Answers.Gone.class : ApiException.class);
                    assertThat(read).hasSize(leaves ? most : 0);
                }
            }
        }
    }

    private static String told(List<String> read, String text) {
        read.add(text);
        return text;
    }

    @Test
    void vectorsThatNobodyWaitsForAreNotMade() throws Exception {
        try (TestServer server = server(600)) {
            byte[] body = ("{\"input\":[" + MANY.replace('\'', '"') + "]}").getBytes(StandardCharsets.UTF_8);
            try (var socket = new Socket("127.0.0.1", server.server.port())) {
                socket.getOutputStream().write(("POST /v1/embeddings HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: " + body.length + "\r\n\r\n")
                        .getBytes(StandardCharsets.US_ASCII));
                socket.getOutputStream().write(body);
                TestServer.await(20, () -> server.model.open == 1);
            }
            // the next in turn would otherwise wait for all 500 of them
            assertThat(server.post("/v1/embeddings", "{'input':'y'}").status()).isEqualTo(200);
            assertThat(server.get("/metrics").body()).doesNotContain("route=\"embeddings\",status=\"200\"} 2");
            TestServer.await(20, () -> server.model.open == 0);
        }
    }

    @Test
    void aSchemaThatWaitsToBeCompiledWaitsNoLongerThanItsRequest() throws Exception {
        var begun = new CountDownLatch(1);
        var open = new CountDownLatch(1);
        TokenBytes tokens = TokenBytes.of(new Bytes());
        var constraints = new Constraints(schema -> {
            begun.countDown();
            try {
                open.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            return Constraint.jsonSchema(schema, tokens);
        }, 1 << 20, 1);
        var patient = new Caller(Instant.now().plusSeconds(60), () -> true);
        var first = CompletableFuture.supplyAsync(() -> constraints.take("true", patient));
        assertThat(begun.await(20, TimeUnit.SECONDS)).isTrue();
        assertThatThrownBy(() -> constraints.take("false", new Caller(Instant.now().plusMillis(200), () -> true))).isInstanceOfSatisfying(ApiException.class,
                e -> assertThat(e.status()).isEqualTo(504));
        assertThatThrownBy(() -> constraints.take("false", new Caller(Instant.now().plusSeconds(60), () -> false))).isInstanceOf(Answers.Gone.class);
        open.countDown();
        assertThat(first.get(20, TimeUnit.SECONDS).constraint()).isNotNull();
    }
}
