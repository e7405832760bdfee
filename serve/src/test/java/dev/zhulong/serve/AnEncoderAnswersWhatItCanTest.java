package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.formats.EncoderSpec.Problem;
import dev.zhulong.guard.AuditLog;
import dev.zhulong.serve.TestServer.Answer;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A server of an encoder: what it says of itself, and what holds on all its routes. */
class AnEncoderAnswersWhatItCanTest {
    @TempDir
    static Path directory;
    private static final StringWriter AUDIT = new StringWriter();
    private static TinyBert model;
    private static TestServer server;
    private static String key;
    private static String admin;

    @BeforeAll
    static void start() throws IOException {
        Path rules = directory.resolve("rules.yaml");
        Files.writeString(rules, """
                name: t
                rules:
                  - {id: mask, words: [anna], action: mask}
                  - {id: stop, words: [volcano], action: block, with: No volcanoes.}
                """);
        Path keys = directory.resolve("keys.json");
        key = ApiKeys.add(keys, "clinic", 1000, 100_000);
        Path admins = directory.resolve("admins.json");
        admin = ApiKeys.add(admins, "root", null, null);
        model = new TinyBert(TinyBert.write(Files.createDirectory(directory.resolve("model")), spec -> spec.withClasses(List.of("calm", "urgent"), Problem.SINGLE_LABEL)), 64);
        server = new TestServer(model.served, ServerOptions.local(0).withKeys(ApiKeys.read(keys)).withLimits(20_000, 30, 600)
                .withGuard(new Guard(List.of(rules.toString()), AuditLog.to(AUDIT))).withAdmin(new ServerOptions.Admin("127.0.0.1", 0, ApiKeys.read(admins), null)));
    }

    @AfterAll
    static void stop() {
        server.close();
        model.close();
    }

    private static Answer post(String path, String body) {
        return server.post(path, body, "Authorization", "Bearer " + key);
    }

    private static Answer get(String path) {
        return server.get(path, "Authorization", "Bearer " + key);
    }

    @Test
    void whoWantsTextIsToldWhatThereIs() {
        for (Answer answer : List.of(post("/v1/chat/completions", "{'messages':[{'role':'user','content':'hi'}]}"), post("/v1/completions", "{'prompt':'hi'}"))) {
            assertThat(answer.status()).isEqualTo(400);
            assertThat(answer.error()).contains("'tiny' is a BERT encoder and writes no text: it answers POST /v1/embeddings and POST /v1/classify", "unsupported_model");
        }
    }

    @Test
    void itIsListedWithWhatItIs() {
        JsonNode about = get("/v1/models").json().get("data").get(0);
        assertThat(about.get("id").textValue()).isEqualTo("tiny");
        assertThat(about.get("object").textValue()).isEqualTo("model");
        assertThat(about.get("context_length").intValue()).isEqualTo(TinyBert.CONTEXT);
        assertThat(about.get("embedding_length").intValue()).isEqualTo(TinyBert.HIDDEN);
        assertThat(about.get("task").textValue()).isEqualTo("classify");
        assertThat(about.get("labels").toString()).isEqualTo("[\"calm\",\"urgent\"]");
        assertThat(get("/v1/models/tiny").json()).isEqualTo(about);
        assertThat(get("/v1/models/other").status()).isEqualTo(404);
        assertThat(post("/v1/embeddings", "{'model':'other','input':'a'}").status()).isEqualTo(404);
        assertThat(post("/v1/classify", "{'model':'other','input':'a'}").error()).contains("model_not_found");
    }

    @Test
    void theDescriptionHasEachOfItsRoutes() {
        JsonNode paths = server.get("/openapi").json().get("paths");
        assertThat(paths.fieldNames()).toIterable().containsExactlyInAnyOrder("/v1/embeddings", "/v1/classify", "/v1/models", "/v1/models/{name}", "/tokenize", "/detokenize", "/health",
                "/ready", "/metrics");
        paths.fieldNames().forEachRemaining(path -> {
            boolean posted = paths.get(path).has("post");
            int status = posted ? post(path, "{}").status() : get(path.replace("{name}", "tiny")).status();
            assertThat(status).as(path).isEqualTo(posted && !path.equals("/detokenize") ? 400 : 200);
        });
        assertThat(server.get("/openapi").body()).doesNotContain("ChatRequest");
    }

    @Test
    void keysAndLimitsHold() {
        for (String path : List.of("/v1/embeddings", "/v1/classify", "/v1/chat/completions", "/tokenize")) {
            assertThat(server.post(path, "{'input':'a','text':'a'}").status()).as(path).isEqualTo(401);
        }
        assertThat(post("/v1/embeddings", "{'input':'" + "a".repeat(20_000) + "'}").status()).isEqualTo(413);
        assertThat(server.get("/health").status()).isEqualTo(200);
        assertThat(server.get("/ready").status()).isEqualTo(200);
    }

    @Test
    void rulesLookAtWhatComesIn() {
        for (String path : List.of("/v1/embeddings", "/v1/classify")) {
            Answer blocked = post(path, "{'input':['the lamp','a volcano']}");
            assertThat(blocked.status()).isEqualTo(400);
            assertThat(blocked.error()).contains("No volcanoes.", "content_filter");
        }
        assertThat(post("/v1/classify", "{'input':{'text':'a','text_pair':'a volcano'}}").error()).contains("content_filter");
        assertThat(AUDIT.toString()).contains("stop");
    }

    @Test
    void whatIsAnsweredIsCounted() {
        post("/v1/embeddings", "{'input':['the lamp','lit']}");
        String metrics = server.get("/metrics").body();
        assertThat(metrics).contains("zhulong_queue{precision=\"high\"} 0").contains("zhulong_batch{precision=\"high\"}")
                .containsPattern("zhulong_prompt_tokens_total\\{precision=\"high\"\\} [1-9]").contains("route=\"embeddings\",status=\"200\"");
        JsonNode status = server.admin(admin, "GET", "/admin/status", "").json();
        assertThat(status.get("model").textValue()).isEqualTo("tiny");
        assertThat(status.at("/lanes/0/finished").intValue()).isPositive();
        assertThat(server.admin(admin, "POST", "/admin/guard/reload", "{}").status()).isEqualTo(200);
        assertThat(server.admin(admin, "POST", "/admin/adapters", "{\"name\":\"a\"}").status()).isEqualTo(404);
    }
}
