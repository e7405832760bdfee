package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.infer.SchedulerOptions;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A request may be refused before its body has come: whoever still sends it gets the refusal, and no reset connection (RFC 9112, section 9.6). */
@Timeout(120)
class ARefusalIsReadWholeTest {
    private static final int LIMIT = 20_000;
    private static final int PATIENCE = 5;
    private static final byte[] PIECE = new byte[4096];
    private static final String POST = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";

    private static TestServer server(ServerOptions options) {
        return new TestServer(new ScriptedModel(4096, prompt -> "ok"), SchedulerOptions.of(4, 10_000), options);
    }

    private static ServerOptions options(int patience) {
        return ServerOptions.local(0).withLimits(LIMIT, patience, 600);
    }

    private static Socket connect(TestServer server) throws IOException {
        var socket = new Socket("127.0.0.1", server.server.port());
        socket.setSoTimeout(60_000);
        return socket;
    }

    private static void send(Socket socket, String text) throws IOException {
        socket.getOutputStream().write(text.getBytes(StandardCharsets.US_ASCII));
    }

    /** Sends a body of {@code pieces} as clients do that read no answer before they have sent all, and gives the answer. */
    private static String late(Socket socket, String head, int pieces) throws IOException, InterruptedException {
        OutputStream out = socket.getOutputStream();
        send(socket, head);
        for (int i = 0; i < pieces; i++) {
            Thread.sleep(20);
            out.write(PIECE);
        }
        return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }

    @ParameterizedTest
    @ValueSource(strings = {"Content-Length: 204800\r\n\r\n", "Content-Length: 204800\r\nConnection: close\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n32000\r\n", "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"})
    void byThoseThatSendTheBodyLate(String rest) throws Exception {
        try (TestServer server = server(options(PATIENCE)); Socket socket = connect(server)) {
            String answer = late(socket, POST + rest, 50);
            assertThat(answer).startsWith(rest.endsWith("2\r\n\r\n") ? "HTTP/1.1 400" : "HTTP/1.1 413").contains("\"invalid_request_error\"").endsWith("}}");
        }
    }

    @Test
    void whereTheHeadIsTooLarge() throws Exception {
        try (TestServer server = server(options(PATIENCE)); Socket socket = connect(server)) {
            String answer = late(socket, POST + ("X-A: " + "a".repeat(1000) + "\r\n").repeat(20), 50);
            assertThat(answer).startsWith("HTTP/1.1 400").endsWith("}}");
        }
    }

    @Test
    void whereAKeyIsMissingAndTheConnectionEnds(@TempDir Path directory) throws Exception {
        Path keys = directory.resolve("keys.json");
        ApiKeys.add(keys, "anna", null, null);
        try (TestServer server = server(options(PATIENCE).withKeys(ApiKeys.read(keys)))) {
            for (String close : List.of("Connection: close\r\n", "connection: Close\r\n")) {
                try (Socket socket = connect(server)) {
                    String answer = late(socket, POST + close + "Content-Length: 16384\r\n\r\n", 4);
                    assertThat(answer).startsWith("HTTP/1.1 401").endsWith("}}");
                }
            }
        }
    }

    @Test
    void alsoOverTls(@TempDir Path directory) throws Exception {
        var identity = TlsIdentity.make(directory, "EC");
        try (TestServer server = server(options(PATIENCE).withTls(ServerOptions.tls(identity.certificate(), identity.key())))) {
            for (String close : List.of("", "Connection: close\r\n")) {
                try (Socket socket = identity.trusting().getSocketFactory().createSocket("127.0.0.1", server.server.port())) {
                    socket.setSoTimeout(60_000);
                    assertThat(late(socket, POST + close + "Content-Length: 204800\r\n\r\n", 50)).startsWith("HTTP/1.1 413").endsWith("}}");
                }
            }
        }
    }

    @Test
    void byTheClientOfTheJdkAHundredTimes() {
        try (TestServer server = server(options(PATIENCE))) {
            for (int i = 0; i < 100; i++) {
                assertThat(server.raw("/v1/completions", new byte[LIMIT + 1 + i * 500]).status()).isEqualTo(413);
                assertThat(server.post("/v1/completions", "{'prompt':'x'}").status()).isEqualTo(200);
            }
        }
    }

    /** What follows a refused request on its connection is the rest of it, whatever it looks like. */
    @Test
    void andItsBodyIsNoRequest(@TempDir Path directory) throws Exception {
        Path keys = directory.resolve("keys.json");
        String key = ApiKeys.add(keys, "anna", null, null);
        try (TestServer server = server(options(PATIENCE).withKeys(ApiKeys.read(keys)))) {
            String inner = POST + "Authorization: Bearer " + key + "\r\nContent-Length: 14\r\n\r\n{\"prompt\":\"x\"}";
            for (String head : List.of("Connection: close\r\nContent-Length: " + inner.length(), "Content-Length: " + (LIMIT + 1))) {
                try (Socket socket = connect(server)) {
                    send(socket, POST + head + "\r\n\r\n" + inner);
                    socket.shutdownOutput();
                    assertThat(new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8)).containsOnlyOnce("HTTP/1.1 4");
                }
            }
            assertThat(server.get("/metrics").body()).doesNotContain("route=\"completions\",status=\"200\"");
        }
    }

    @Test
    void butNobodyGoesOnSendingForEver() throws Exception {
        try (TestServer server = server(options(1)); Socket socket = connect(server)) {
            send(socket, POST + "Content-Length: 2000000000\r\n\r\n");
            Instant began = Instant.now();
            boolean open = true;
            while (open && Duration.between(began, Instant.now()).toSeconds() < 30) {
                try {
                    socket.getOutputStream().write(PIECE);
                    Thread.sleep(20);
                } catch (IOException e) {
                    open = false;
                }
            }
            assertThat(open).isFalse();
        }
    }

    @Test
    void norKeepsTheServerFromEnding() throws Exception {
        Instant began;
        try (TestServer server = server(options(60)); Socket socket = connect(server)) {
            send(socket, POST + "Content-Length: 2000000000\r\n\r\n");
            assertThat(socket.getInputStream().readNBytes(12)).asString().isEqualTo("HTTP/1.1 413");
            began = Instant.now();
            server.server.close();
            assertThat(Duration.between(began, Instant.now())).isLessThan(Duration.ofSeconds(20));
        }
    }
}
