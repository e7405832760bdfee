package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.infer.SchedulerOptions;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class OnlyRequestsForThisServerAreAnsweredTest {
    private static final String EVIL = "Host: evil.example:19000\r\n";

    private static TestServer server(ServerOptions options) {
        return new TestServer(TestServer.served(SchedulerOptions.of(4, 1000), new ServedModel.Route(Precision.HIGH, "script", new ScriptedModel(4096, prompt -> "ok"))), options);
    }

    private static int status(TestServer server, String method, String path, String headers) {
        return Integer.parseInt(server.exchange(method + " " + path + " HTTP/1.1\r\nConnection: close\r\n" + headers + "\r\n").split(" ")[1]);
    }

    private static int get(TestServer server, String headers) {
        return status(server, "GET", "/v1/models", headers);
    }

    @Test
    void aServerOfThisMachineAloneAnswersToNoNameButItsOwn() {
        try (TestServer server = server(ServerOptions.local(0))) {
            for (String own : List.of("localhost", "localhost:8080", "LOCALHOST:1", "localhost.", "127.0.0.1", "127.8.9.10:19000", "[::1]", "[::1]:8080", "[0:0:0:0:0:0:0:1]")) {
                assertThat(get(server, "Host: " + own + "\r\n")).as(own).isEqualTo(200);
            }
            for (String other : List.of("evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example", "evil-localhost", "y", ".", "..", "1", "1.example", "2130706433", "127.0.0.1.1", "10.0.0.1", "0.0.0.0", "[::]", "[fe80::1]:80",
                    "128.0.0.1")) {
                assertThat(get(server, "Host: " + other + "\r\n")).as(other).isEqualTo(403);
            }
            assertThat(get(server, EVIL + "Origin: http://evil.example:19000\r\n")).isEqualTo(403);
            assertThat(get(server, EVIL + "X-Forwarded-Host: localhost\r\nForwarded: host=localhost\r\n")).isEqualTo(403);
            for (String path : List.of("/", "/health", "/metrics", "/openapi", "/nothing", "/page/chat.js")) {
                assertThat(status(server, "GET", path, EVIL)).as(path).isEqualTo(403);
            }
            for (String method : List.of("HEAD", "OPTIONS", "POST", "DELETE")) {
                assertThat(status(server, method, "/v1/chat/completions", EVIL)).as(method).isEqualTo(403);
            }
            assertThat(server.exchange("GET /health HTTP/1.0\r\n" + EVIL + "\r\n")).startsWith("HTTP/1.1 403");
            assertThat(server.exchange("GET /health HTTP/1.1\r\nConnection: close\r\n" + EVIL + "\r\n")).contains("--allow-host evil.example");
        }
    }

    @Test
    void aHostThatIsNoneIsABadRequest() {
        try (TestServer server = server(ServerOptions.local(0))) {
            for (String wrong : List.of("", "Host:\r\n", "Host: localhost\r\nHost: localhost\r\n", "Host: localhost\r\nHost: evil.example\r\n", "Host: user@localhost\r\n", "Host: localhost@evil.example\r\n",
                    "Host: localhost, evil.example\r\n", "Host: localhost/x\r\n", "Host: local%68ost\r\n", "Host: [fe80::1%25eth0]\r\n", "Host: localhost:80:80\r\n", "Host: localhost:x\r\n", "Host: ::1\r\n")) {
                assertThat(get(server, wrong)).as(wrong).isEqualTo(400);
            }
            assertThat(status(server, "GET", "http://evil.example/v1/models", "Host: localhost\r\n")).isEqualTo(400);
            assertThat(status(server, "GET", "//evil.example/v1/models", "Host: localhost\r\n")).isEqualTo(404);
        }
    }

    @Test
    void namesThatAreAllowedAreAnsweredToo() {
        try (TestServer server = server(ServerOptions.local(0).withHosts(Set.of("LLM.example.", "10.1.2.3", "fe80::7")))) {
            for (String named : List.of("llm.example", "Llm.Example:443", "llm.example.", "10.1.2.3:80", "[fe80:0::7]:80", "localhost")) {
                assertThat(get(server, "Host: " + named + "\r\n")).as(named).isEqualTo(200);
            }
            assertThat(get(server, "Host: www.llm.example\r\n")).isEqualTo(403);
            assertThat(get(server, "Host: llm.example\r\nOrigin: https://llm.example\r\n")).isEqualTo(200);
            assertThat(get(server, "Host: llm.example\r\nOrigin: https://www.llm.example\r\n")).isEqualTo(403);
        }
        for (String wrong : List.of("", "http://llm.example", "llm.example:80", "[::1]:80", "llm.example/x", "*")) {
            assertThatThrownBy(() -> ServerOptions.local(0).withHosts(Set.of(wrong))).as(wrong).isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void aServerOnAllAddressesAnswersToEveryNameAndTakesNoStrangersPageForItsOwn() {
        try (TestServer server = server(ServerOptions.local(0).withHost("0.0.0.0").withHosts(Set.of("llm.example")))) {
            for (String any : List.of("10.244.1.7:8080", "zhulong", "zhulong.default.svc:8080", "localhost", "[fd00::7]:8080")) {
                assertThat(get(server, "Host: " + any + "\r\n")).as(any).isEqualTo(200);
            }
            for (String own : List.of("10.244.1.7:8080", "localhost:8080", "[fd00::7]:8080", "llm.example")) {
                assertThat(get(server, "Host: " + own + "\r\nOrigin: http://" + own + "\r\n")).as(own).isEqualTo(200);
            }
            assertThat(get(server, EVIL + "Origin: http://evil.example:19000\r\n")).isEqualTo(403);
            assertThat(get(server, "Host: 10.244.1.7\r\nOrigin: null\r\n")).isEqualTo(403);
        }
    }
}
