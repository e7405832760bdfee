package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.GenerationConfig;
import dev.zhulong.infer.SchedulerOptions;
import dev.zhulong.text.chat.ChatTemplate;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class HttpIsSpokenAsItsStandardsSayTest {
    private static final String JSON = "Content-Type: application/json\r\n";
    private static final String SITE = "https://ok.example";
    private static TestServer server;

    @BeforeAll
    static void start() {
        server = new TestServer(new ScriptedModel(4096, prompt -> "lamp ".repeat(40)), SchedulerOptions.of(4, 10_000),
                ServerOptions.local(0).withOrigins(Set.of(SITE)).withLimits(10_000, 30, 600));
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static String post(String version, String path, String headers, String body) {
        String bytes = body.replace('\'', '"');
        return server.exchange("POST " + path + " HTTP/" + version + "\r\n" + headers + JSON + "Content-Length: " + bytes.length() + "\r\n\r\n" + bytes);
    }

    /** What stands behind the head. */
    private static String body(String answer) {
        return answer.substring(answer.indexOf("\r\n\r\n") + 4);
    }

    /** Names and values, without the date. */
    private static Map<String, String> headers(String answer) {
        return answer.substring(0, answer.indexOf("\r\n\r\n")).lines().skip(1).filter(line -> !line.startsWith("Date:"))
                .collect(Collectors.toMap(line -> line.substring(0, line.indexOf(':')).toLowerCase(), line -> line.substring(line.indexOf(':') + 1).strip()));
    }

    @Test
    void aClientOfHttp10IsAnsweredAndTheConnectionClosed() {
        for (String headers : List.of("", "Host: localhost\r\n", "Host: localhost\r\nConnection: close\r\n", "Host: localhost\r\nConnection: keep-alive\r\n")) {
            String answer = server.exchange("GET /health HTTP/1.0\r\n" + headers + "\r\n");
            assertThat(answer).startsWith("HTTP/1.1 200 ").endsWith("\r\n\r\n{\"status\":\"ok\"}");
            assertThat(headers(answer)).containsEntry("connection", "close").doesNotContainKey("transfer-encoding");
        }
        assertThat(post("1.0", "/v1/completions", "", "{'prompt':'x','max_tokens':4}")).startsWith("HTTP/1.1 200 ").contains("\"text\":\"lamp\"").endsWith("}");
        assertThat(post("1.0", "/v1/completions", "", "{")).startsWith("HTTP/1.1 400 ").endsWith("}}");
        assertThat(server.exchange("GET /nothing HTTP/1.0\r\n\r\n")).startsWith("HTTP/1.1 404 ").endsWith("}}");
        assertThat(server.exchange("HEAD /health HTTP/1.0\r\n\r\n")).startsWith("HTTP/1.1 200 ").endsWith("\r\n\r\n");
        assertThat(server.exchange("GET /" + "x".repeat(5000) + " HTTP/1.0\r\n\r\n")).startsWith("HTTP/1.1 414 ");
    }

    @Test
    void aStreamToHttp10HasNoFramesOfChunks() {
        for (String chat : List.of("", "chat/")) {
            String body = "{" + (chat.isEmpty() ? "'prompt':'x'" : "'messages':[{'role':'user','content':'x'}]") + ",'stream':true,'max_tokens':50,'temperature':0}";
            String old = post("1.0", "/v1/" + chat + "completions", "", body);
            assertThat(headers(old)).containsEntry("connection", "close").containsEntry("content-type", "text/event-stream; charset=utf-8").doesNotContainKeys("transfer-encoding",
                    "content-length");
            List<String> events = List.of(body(old).split("\n\n"));
            assertThat(events).hasSizeGreaterThan(5).allMatch(event -> event.startsWith("data: "));
            assertThat(old).endsWith("data: [DONE]\n\n");
            assertThat(post("1.1", "/v1/" + chat + "completions", "Host: localhost\r\nConnection: close\r\n", body)).contains("Transfer-Encoding: chunked").endsWith("\r\n0\r\n\r\n");
        }
    }

    @Test
    void headIsGetWithoutTheBody() {
        for (String path : List.of("/", "/health", "/ready", "/openapi", "/metrics", "/v1/models", "/v1/models/tiny", "/page/chat.js", "/page/icon.svg", "/page/lit/lit.js", "/v1/models/none",
                "/nothing", "/v1/chat/completions")) {
            String end = " " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
            String head = server.exchange("HEAD" + end);
            String get = server.exchange("GET" + end);
            assertThat(body(head)).as(path).isEmpty();
            assertThat(head.lines().findFirst()).as(path).isEqualTo(get.lines().findFirst());
            Map<String, String> expected = headers(get);
            Map<String, String> found = headers(head);
            if (path.equals("/metrics") || path.equals("/nothing") || path.equals("/v1/chat/completions")) {
                // other numbers, and the other method's name
                assertThat(Integer.parseInt(found.remove("content-length"))).isPositive();
                expected.remove("content-length");
            }
            assertThat(found).as(path).isEqualTo(expected);
        }
        String both = "HEAD /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        assertThat(server.exchange(both)).containsOnlyOnce("{\"status\":\"ok\"}").endsWith("{\"status\":\"ok\"}");
    }

    private static Map<String, String> preflight(String origin, String headers) {
        String answer = server.exchange("OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nOrigin: " + origin + "\r\nAccess-Control-Request-Method: POST\r\n" + headers
                + "\r\n");
        assertThat(answer).startsWith("HTTP/1.1 204 ");
        return headers(answer);
    }

    @Test
    void anAllowedSitesClientMaySendTheHeadersItWants() {
        String wanted = "authorization,content-type,x-stainless-os,x-stainless-retry-count";
        Map<String, String> allowed = preflight(SITE, "Access-Control-Request-Headers: " + wanted + "\r\n");
        assertThat(allowed).containsEntry("access-control-allow-origin", SITE).containsEntry("access-control-allow-headers", wanted).containsKey("access-control-max-age")
                .doesNotContainKey("access-control-allow-private-network");
        assertThat(allowed.get("access-control-allow-methods")).contains("POST");
        assertThat(allowed.get("vary")).contains("Origin", "Access-Control-Request-Headers");
        assertThat(preflight(SITE, "")).containsEntry("access-control-allow-headers", "Authorization, Content-Type");
        assertThat(preflight(SITE, "Access-Control-Request-Headers: x a; y\r\n")).containsEntry("access-control-allow-headers", "Authorization, Content-Type");
        assertThat(preflight(SITE, "Access-Control-Request-Private-Network: true\r\n")).containsEntry("access-control-allow-private-network", "true");
        for (String origin : List.of("https://evil.example", "https://ok.example.evil.example", "http://ok.example", "null")) {
            Map<String, String> answer = preflight(origin, "Access-Control-Request-Headers: " + wanted + "\r\n");
            assertThat(answer.keySet()).noneMatch(name -> name.startsWith("access-control"));
            assertThat(answer.get("vary")).contains("Origin");
        }
    }

    @Test
    void anAllowedSiteMayReadErrorsToo() {
        String origin = "Host: localhost\r\nConnection: close\r\nOrigin: " + SITE + "\r\n";
        for (String answer : List.of(post("1.1", "/v1/completions", origin, "{'prompt':'x','max_tokens':1}"), post("1.1", "/v1/completions", origin, "{"), post("1.1", "/nothing", origin, "{}"),
                post("1.1", "/v1/completions", origin, "{'prompt':'" + "x".repeat(11_000) + "'}"))) {
            assertThat(headers(answer)).as(answer).containsEntry("access-control-allow-origin", SITE).containsEntry("vary", "Origin").containsEntry("access-control-expose-headers", "Retry-After");
        }
        assertThat(headers(server.exchange("GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))).containsEntry("vary", "Origin");
    }

    @Test
    void whateverIsListedCanBeFetched() {
        Map<String, String> names = Map.of("acme/llama-3", "acme%2Fllama-3", "a/b/c", "a/b/c", "a b+c", "a%20b+c", "烛龙/7.5:q4", "%E7%83%9B%E9%BE%99%2F7.5%3Aq4", "../x", "..%2Fx", "x;y=1?z#%41",
                "x%3By%3D1%3Fz%23%2541", "a//b", "a%2F%2Fb", "a+b", "a%2Bb");
        names.forEach((name, path) -> {
            var route = new ServedModel.Route(Precision.HIGH, "script", new ScriptedModel(4096, prompt -> "ok"));
            var model = new ServedModel(name, new Bytes(), ChatTemplate.parse(TestServer.TEMPLATE, Map.of()), GenerationConfig.of(-1, List.of(Bytes.EOS)), List.of(Bytes.EOS), "test", List.of(route),
                    SchedulerOptions.of(4, 1000), precision -> null);
            try (model; TestServer other = new TestServer(model, ServerOptions.local(0))) {
                assertThat(other.get("/v1/models").json().at("/data/0/id").asText()).isEqualTo(name);
                assertThat(other.get("/v1/models/" + path).json().path("id").asText()).isEqualTo(name);
                assertThat(other.get("/v1/models/" + path + "x").error()).contains("model_not_found");
            }
        });
    }
}
