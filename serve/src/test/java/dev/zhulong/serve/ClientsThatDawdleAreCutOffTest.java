package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.infer.SchedulerOptions;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A client has a second here, and a request ten minutes: what is not cut off would outlive the test. */
@Timeout(120)
class ClientsThatDawdleAreCutOffTest {
    private static final ServerOptions OPTIONS = ServerOptions.local(0).withLimits(1_000_000, 1, 600);
    private static final String HEAD = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    private static final String GET = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";

    private static TestServer server(ServerOptions options) {
        return new TestServer(new ScriptedModel(4096, prompt -> "ok"), SchedulerOptions.of(4, 10_000), options);
    }

    private static Socket connect(TestServer server) throws IOException {
        var socket = new Socket("127.0.0.1", server.server.port());
        socket.setSoTimeout(30_000);
        return socket;
    }

    /** Reads until the server closes; fails where it does not. */
    private static String rest(Socket socket) throws IOException {
        var text = new StringBuilder();
        try {
            for (int b = socket.getInputStream().read(); b >= 0; b = socket.getInputStream().read()) {
                text.append((char) b);
            }
        } catch (SocketTimeoutException e) {
            throw e;
        } catch (IOException e) {
            // cut off with bytes of ours unread
        }
        return text.toString();
    }

    private static void send(Socket socket, String text) throws IOException {
        socket.getOutputStream().write(text.getBytes(StandardCharsets.US_ASCII));
    }

    @Test
    void whereverARequestStops() throws Exception {
        List<String> halves = List.of("", "G", "GE", "GET /health HTTP/1.1\r", "GET /health HTTP/1.0\r", "GET /health HTTP/1.1\r\nHost: local", HEAD, HEAD + "Content-Length: 100\r\n\r\n",
                HEAD + "Content-Length: 100\r\n\r\n{\"prompt\"", HEAD + "Transfer-Encoding: chunked\r\n\r\n1", HEAD + "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"pro\r\n", "\u0016\u0003\u0001");
        try (TestServer server = server(OPTIONS)) {
            List<Socket> sockets = new ArrayList<>();
            for (String half : halves) {
                Socket socket = connect(server);
                send(socket, half);
                sockets.add(socket);
            }
            for (Socket socket : sockets) {
                assertThat(rest(socket)).isEmpty();
                socket.close();
            }
        }
    }

    @Test
    void alsoBehindAnAnswer() throws Exception {
        List<String> halves = List.of("GE", HEAD, HEAD + "Content-Length: 100\r\n\r\n", HEAD + "Content-Length: 100\r\n\r\n{", HEAD + "Transfer-Encoding: chunked\r\n\r\n1");
        try (TestServer server = server(OPTIONS)) {
            for (boolean pipelined : new boolean[] {true, false}) {
                List<Socket> sockets = new ArrayList<>();
                for (String half : halves) {
                    Socket socket = connect(server);
                    send(socket, pipelined ? GET + half : GET);
                    if (!pipelined) {
                        assertThat(socket.getInputStream().readNBytes(12)).asString().isEqualTo("HTTP/1.1 200");
                        send(socket, half);
                    }
                    sockets.add(socket);
                }
                for (Socket socket : sockets) {
                    assertThat(rest(socket)).contains("\"ok\"");
                    socket.close();
                }
            }
        }
    }

    @Test
    void alsoInTheBodyOfARequestThatWasRefused() throws Exception {
        try (TestServer server = server(OPTIONS); Socket socket = connect(server)) {
            send(socket, "POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{");
            assertThat(rest(socket)).startsWith("HTTP/1.1 404");
        }
    }

    @Test
    void alsoWhereEachByteComesInTime() throws Exception {
        try (TestServer server = server(OPTIONS); Socket first = connect(server); Socket later = connect(server)) {
            send(later, GET);
            for (Socket socket : List.of(first, later)) {
                socket.setSoTimeout(100);
                OutputStream out = socket.getOutputStream();
                boolean open = true;
                for (int i = 0; i < 300 && open; i++) {
                    try {
                        out.write(i < 3 ? "GET".charAt(i) : i == 3 ? ' ' : i == 4 ? '/' : 'x');
                        open = socket.getInputStream().read() >= 0;
                    } catch (SocketTimeoutException e) {
                        // the next byte
                    } catch (IOException e) {
                        open = false;
                    }
                }
                assertThat(open).isFalse();
            }
        }
    }

    @Test
    void aConnectionRestsBetweenRequestsForAsLongAsItWants() throws Exception {
        try (TestServer server = server(OPTIONS); Socket socket = connect(server)) {
            for (String request : List.of(GET, "POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", GET)) {
                send(socket, request);
                socket.setSoTimeout(2500);
                var answer = new StringBuilder();
                try {
                    for (int b = socket.getInputStream().read(); b >= 0; b = socket.getInputStream().read()) {
                        answer.append((char) b);
                    }
                    throw new AssertionError("closed after " + answer);
                } catch (SocketTimeoutException e) {
                    assertThat(answer.toString()).startsWith("HTTP/1.1 " + (request.equals(GET) ? "200" : "404"));
                }
            }
        }
    }

    @Test
    void thousandsOfThemLockNobodyOutForLonger() throws Exception {
        lockNobodyOut("GE");
    }

    @Test
    void norDoThousandsThatRest() throws Exception {
        lockNobodyOut(GET);
    }

    private static void lockNobodyOut(String sent) throws Exception {
        List<Socket> flood = new ArrayList<>();
        try (TestServer server = server(OPTIONS)) {
            for (int i = 0; i < 4200; i++) {
                var socket = new Socket();
                socket.connect(new InetSocketAddress("127.0.0.1", server.server.port()), 30_000);
                send(socket, sent);
                flood.add(socket);
            }
            assertThat(server.get("/health").status()).isEqualTo(200);
        } finally {
            for (Socket socket : flood) {
                socket.close();
            }
        }
    }

    @Test
    void andInTheMiddleOfATlsHandshake(@TempDir Path directory) throws Exception {
        var identity = TlsIdentity.make(directory, "EC");
        try (TestServer server = server(OPTIONS.withTls(ServerOptions.tls(identity.certificate(), identity.key())))) {
            List<Socket> sockets = new ArrayList<>();
            // nothing; the beginning of a record that promises 512 bytes of a ClientHello
            for (String half : List.of("", "\u0016", "\u0016\u0003\u0001\u0002\u0000\u0001")) {
                Socket socket = connect(server);
                send(socket, half);
                sockets.add(socket);
            }
            for (Socket socket : sockets) {
                assertThat(rest(socket)).isEmpty();
                socket.close();
            }
            try (Socket whole = identity.trusting().getSocketFactory().createSocket("127.0.0.1", server.server.port())) {
                whole.setSoTimeout(30_000);
                send(whole, "GE");
                assertThat(rest(whole)).isEmpty();
            }
        }
    }

    @Test
    void andWhereTheyTakeNothingOverTls(@TempDir Path directory) throws Exception {
        var identity = TlsIdentity.make(directory, "EC");
        var model = new ScriptedModel(100_000, prompt -> "word ".repeat(19_000));
        var options = OPTIONS.withTls(ServerOptions.tls(identity.certificate(), identity.key()));
        try (TestServer server = new TestServer(model, new SchedulerOptions(2, 4, 300_000, 64, true), options); var plain = new Socket()) {
            plain.setReceiveBufferSize(4096);
            plain.connect(new InetSocketAddress("127.0.0.1", server.server.port()));
            try (Socket socket = identity.trusting().getSocketFactory().createSocket(plain, "127.0.0.1", server.server.port(), true)) {
                String body = "{\"prompt\":\"x\",\"temperature\":0,\"stream\":true,\"n\":2,\"logprobs\":20,\"max_tokens\":90000}";
                send(socket, HEAD + "Content-Length: " + body.length() + "\r\n\r\n" + body);
                TestServer.await(20, () -> model.open == 2);
                TestServer.await(20, () -> model.open == 0);
                try (Socket half = connect(server)) {
                    assertThat(rest(half)).isEmpty();
                }
            }
        }
    }
}
