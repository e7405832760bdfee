package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.zhulong.infer.SchedulerOptions;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.Base64;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TheServerSpeaksTlsTest {
    private static final char[] PASSWORD = "changeit".toCharArray();
    private static final Path OPEN_FILES = Path.of("/proc/self/fd");
    private Path certificate;
    private Path key;
    private SSLContext trusting;
    @TempDir
    Path directory;

    @BeforeEach
    void certificate() throws Exception {
        Path store = directory.resolve("store.p12");
        String tool = Path.of(System.getProperty("java.home"), "bin", "keytool").toString();
        Process made = new ProcessBuilder(tool, "-genkeypair", "-keystore", store.toString(), "-storepass", "changeit", "-alias", "a", "-keyalg", "EC", "-dname", "CN=localhost", "-ext",
                "SAN=dns:localhost,ip:127.0.0.1", "-validity", "2").redirectErrorStream(true).start();
        assertThat(made.waitFor()).as(new String(made.getInputStream().readAllBytes(), StandardCharsets.UTF_8)).isZero();
        KeyStore keys = KeyStore.getInstance(store.toFile(), PASSWORD);
        certificate = pem("CERTIFICATE", "cert.pem", keys.getCertificate("a").getEncoded());
        key = pem("PRIVATE KEY", "key.pem", keys.getKey("a", PASSWORD).getEncoded());
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("a", keys.getCertificate("a"));
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        trusting = SSLContext.getInstance("TLS");
        trusting.init(null, trust.getTrustManagers(), null);
    }

    private Path pem(String what, String name, byte[] bytes) throws IOException {
        String text = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(bytes);
        return Files.writeString(directory.resolve(name), "-----BEGIN " + what + "-----\n" + text + "\n-----END " + what + "-----\n");
    }

    @Test
    void aConnectionThatIsOverLeavesNoFileOpen() throws Exception {
        assumeTrue(Files.isDirectory(OPEN_FILES), "needs Linux's /proc");
        ServerOptions options = ServerOptions.local(0).withTls(ServerOptions.tls(certificate, key));
        try (TestServer server = new TestServer(new ScriptedModel(4096, prompt -> "ok"), SchedulerOptions.of(4, 10_000), options)) {
            ask(server, 3);
            long before = openFiles();
            ask(server, 30);
            TestServer.await(10, () -> openFiles() < before + 10);
        }
    }

    /** So many clients, which leave when they have the first bytes of the answer. */
    private void ask(TestServer server, int clients) throws IOException {
        for (int i = 0; i < clients; i++) {
            try (var socket = trusting.getSocketFactory().createSocket("127.0.0.1", server.server.port())) {
                socket.getOutputStream().write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
                assertThat(socket.getInputStream().readNBytes(12)).asString().isEqualTo("HTTP/1.1 200");
            }
        }
    }

    private static long openFiles() {
        try (Stream<Path> files = Files.list(OPEN_FILES)) {
            return files.count();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void answersStreamAndAClientThatLeavesIsNoticed() throws Exception {
        var model = new ScriptedModel(4096, prompt -> "lamp ".repeat(200));
        ServerOptions options = ServerOptions.local(0).withTls(ServerOptions.tls(certificate, key));
        try (TestServer server = new TestServer(model, new SchedulerOptions(4, 64, 50_000, 64, true), options); HttpClient client = HttpClient.newBuilder().sslContext(trusting).build()) {
            URI url = URI.create(options.url(server.server.port()) + "/v1/completions");
            assertThat(url.getScheme()).isEqualTo("https");
            var request = HttpRequest.newBuilder(url).header("Content-Type", "application/json")
                    .POST(HttpRequest.BodyPublishers.ofString("{\"prompt\":\"x\",\"stream\":true,\"max_tokens\":20}")).build();
            HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
            assertThat(answer.statusCode()).isEqualTo(200);
            assertThat(answer.body()).endsWith("data: [DONE]\n\n");

            model.sleepMillis = 20;
            try (var socket = trusting.getSocketFactory().createSocket("127.0.0.1", server.server.port())) {
                OutputStream out = socket.getOutputStream();
                byte[] body = "{\"prompt\":\"x\",\"max_tokens\":900}".getBytes(StandardCharsets.UTF_8);
                out.write(("POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: " + body.length + "\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
                out.write(body);
                out.flush();
                TestServer.await(10, () -> model.open == 1);
            }
            TestServer.await(10, () -> model.open == 0);
        }
    }

    @Test
    void plainTextIsNoTls() throws Exception {
        var model = new ScriptedModel(100, prompt -> "ok");
        try (TestServer server = new TestServer(model, SchedulerOptions.of(4, 1000), ServerOptions.local(0).withTls(ServerOptions.tls(certificate, key)))) {
            assertThatThrownBy(() -> server.get("/health")).isInstanceOf(RuntimeException.class);
        }
    }

    @Test
    void whatIsNoCertificateIsToldByName() throws IOException {
        Path broken = Files.writeString(directory.resolve("broken.pem"), "-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n");
        assertThatThrownBy(() -> ServerOptions.tls(broken, key)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("broken.pem");
        assertThatThrownBy(() -> ServerOptions.tls(directory.resolve("none.pem"), key)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("none.pem");
    }
}
