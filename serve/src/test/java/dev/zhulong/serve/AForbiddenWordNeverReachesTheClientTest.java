package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.guard.AuditLog;
import dev.zhulong.infer.SchedulerOptions;
import dev.zhulong.serve.TestServer.Answer;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every token of the model is a byte: a word comes letter by letter. */
class AForbiddenWordNeverReachesTheClientTest {
    private static final String CHAT = "/v1/chat/completions";
    private static final String TOOLS = ",'tools':[{'type':'function','function':{'name':'say','parameters':{'type':'object'}}}]";
    @TempDir
    static Path directory;
    private static final StringWriter AUDIT = new StringWriter();
    private static TestServer server;
    private static Path rules;
    private static String admin;

    @BeforeAll
    static void start() throws IOException {
        rules = directory.resolve("rules.yaml");
        Files.writeString(rules, """
                name: t
                rules:
                  - {id: mask, words: [dragonfruit], action: mask}
                  - {id: stop, words: [volcano], action: block, with: No volcanoes.}
                  - {id: again, on: output, words: [promise], action: rewrite, with: Promise nothing.}
                """);
        var model = new ScriptedModel(4096, prompt -> prompt.contains("Promise nothing") ? "I hope." : prompt.contains("promise?") ? "I prom\u200bise."
                : prompt.contains("tool") ? "<tool_call>{\"name\":\"say\",\"arguments\":{\"text\":\"a \\u0064ragonfruit\"}}</tool_call>"
                : prompt.contains("json") ? "{\"a\":\"\\u0064ragonfruit\"}" : prompt.contains("cut") ? "{\"a\":\"a \\u0064ragonfruit and a long text that goes on"
                : prompt.contains("hot") ? "See the v\u043elcano there." : prompt.contains("dragonfruit") ? "leak: dragonfruit" : "A dragonfruit is red.");
        Path keys = directory.resolve("admin.json");
        admin = ApiKeys.add(keys, "root", null, null);
        server = new TestServer(model, new SchedulerOptions(8, 64, 100_000, 64, true), ServerOptions.local(0).withGuard(new Guard(List.of(rules.toString()),
                AuditLog.to(AUDIT))).withAdmin(new ServerOptions.Admin("127.0.0.1", 0, ApiKeys.read(keys), null)));
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static String ask(String content, String more) {
        return "{'messages':[{'role':'user','content':'" + content + "'}],'temperature':0" + more + "}";
    }

    @Test
    void norInTheFormsOfOthers() {
        for (String stream : List.of("false", "true")) {
            assertThat(server.post("/v1/messages", ask("x", ",'max_tokens':100,'stream':" + stream)).body().replaceAll("\"}}\n\nevent: content_block_delta\ndata: [^\n]*\"text\":\"", ""))
                    .contains("A *********** is red.").doesNotContain("dragon");
            assertThat(server.post("/v1/messages", ask("hot", ",'max_tokens':100,'stream':" + stream)).body()).contains("\"stop_reason\":\"refusal\"", "No volcanoes.")
                    .doesNotContain("there");
            assertThat(server.post("/v1/messages", ask("tool", ",'max_tokens':100,'tools':[{'name':'say','input_schema':{'type':'object'}}],'stream':" + stream)).body())
                    .contains("\"tool_use\"").doesNotContain("ragonfruit");
        }
        for (String stream : List.of("false", "true")) {
            String more = ",'temperature':0,'stream':" + stream + "}";
            assertThat(server.post("/v1/responses", "{'input':'x'" + more).body()).contains("\"text\":\"A *********** is red.\"").doesNotContain("dragon");
            assertThat(server.post("/v1/responses", "{'input':'hot'" + more).body()).contains("\"reason\":\"content_filter\"", "No volcanoes.").doesNotContain("there");
            assertThat(server.post("/v1/responses", "{'input':'tool','tools':[{'type':'function','name':'say','parameters':{'type':'object'}}]" + more).body())
                    .contains("\"function_call\"").doesNotContain("ragonfruit");
        }
        for (String stream : List.of("false", "true")) {
            String more = ",'stream':" + stream + ",'model':'tiny'";
            assertThat(server.post("/api/chat", ask("x", more).replace("'temperature':0", "'options':{'temperature':0}")).body().replaceAll("\"},\"done\":false}\\n[^\\n]*\"content\":\"", "")).contains("A *********** is red.")
                    .doesNotContain("dragon");
            assertThat(server.post("/api/generate", "{'prompt':'hot'" + more + "}").body()).contains("\"done_reason\":\"content_filter\"", "No volcanoes.").doesNotContain("there");
        }
        assertThat(server.post("/v1/messages", ask("promise?", ",'max_tokens':100")).json().at("/content/0/text").asText()).isEqualTo("I hope.");
    }

    @Test
    void notInChatsWholeOrStreamedOnceOrSeveralTimesNorAmongTheirTokens() {
        for (String more : List.of("", ",'n':3", ",'logprobs':true,'top_logprobs':5", ",'stop':['red']")) {
            Answer whole = server.post(CHAT, ask("x", more));
            assertThat(whole.json().get("choices")).allSatisfy(choice -> assertThat(choice.at("/message/content").asText()).startsWith("A *********** is"));
            JsonNode tokens = whole.json().at("/choices/0/logprobs/content");
            String spelled = tokens.isMissingNode() ? "" : tokens.valueStream().map(token -> token.get("token").asText()).collect(Collectors.joining());
            assertThat(spelled).isIn("", "A  is red.");
            List<JsonNode> events = server.post(CHAT, ask("x", more + ",'stream':true")).events();
            for (int i = 0; i < (more.contains("n'") ? 3 : 1); i++) {
                int number = i;
                assertThat(events.stream().filter(event -> event.at("/choices/0/index").asInt() == number).map(event -> event.at("/choices/0/delta/content").asText(""))
                        .collect(Collectors.joining())).startsWith("A *********** is");
            }
            assertThat(events.toString()).doesNotContain("dragon").doesNotContain("fruit");
        }
    }

    @Test
    void notInTextsNorTheirEcho() {
        assertThat(server.post("/v1/completions", "{'prompt':'x','temperature':0,'max_tokens':100,'logprobs':2}").body()).contains("A *********** is red.").doesNotContain("dragonf");
        assertThat(server.post("/v1/completions", "{'prompt':'dragonfruit','temperature':0,'max_tokens':100,'echo':true,'stream':true}").body()).doesNotContain("dragonf");
        assertThat(server.post("/v1/completions", "{'prompt':[100,114,97,103,111,110,102,114,117,105,116],'temperature':0,'max_tokens':100,'echo':true}").body())
                .contains("***********").doesNotContain("dragonf");
    }

    @Test
    void notInWhatToolsAreCalledWithHoweverItIsSpelled() {
        for (String stream : List.of("", ",'stream':true")) {
            assertThat(server.post(CHAT, ask("tool", TOOLS + stream)).body()).contains("a ***********").doesNotContain("ragonfruit");
        }
    }

    @Test
    void notInJsonHoweverItIsSpelled() {
        String format = ",'response_format':{'type':'json_object'}";
        for (String stream : List.of("", ",'stream':true")) {
            assertThat(server.post(CHAT, ask("json", format + stream)).body()).contains("***********").doesNotContain("ragonfruit");
            assertThat(server.post(CHAT, ask("cut", format + ",'max_tokens':40" + stream)).body()).contains("content_filter").doesNotContain("ragonfruit");
        }
    }

    @Test
    void aBlockEndsTheAnswerAndSaysWhy() {
        JsonNode whole = server.post(CHAT, ask("hot", "")).json();
        assertThat(whole.at("/choices/0/message/content").asText()).isEqualTo("See the ");
        assertThat(whole.at("/choices/0/message/refusal").asText()).isEqualTo("No volcanoes.");
        assertThat(whole.at("/choices/0/finish_reason").asText()).isEqualTo("content_filter");
        Answer stream = server.post(CHAT, ask("hot", ",'stream':true"));
        assertThat(stream.body()).contains("content_filter", "No volcanoes.").doesNotContain("lcano\"");
        Answer asked = server.post(CHAT, ask("a volcano", ""));
        assertThat(asked.status()).isEqualTo(400);
        assertThat(asked.error()).isEqualTo("No volcanoes. content_filter");
        assertThat(server.post("/v1/embeddings", "{'input':'a volcano'}").status()).isEqualTo(400);
        for (String said : List.of("'description':'of a vol\u200bcano'", "'parameters':{'type':'object','properties':{'a':{'enum':['volcano']}}}")) {
            Answer offered = server.post(CHAT, ask("x", ",'tools':[{'type':'function','function':{'name':'say'," + said + "}}]"));
            assertThat(offered.error()).isEqualTo("No volcanoes. content_filter");
        }
    }

    @Test
    void anAnswerThatIsToBeWrittenAgainIs() {
        assertThat(server.post(CHAT, ask("promise?", "")).json().at("/choices/0/message/content").asText()).isEqualTo("I hope.");
        assertThat(server.post(CHAT, ask("promise?", ",'stream':true")).body()).contains("content_filter").doesNotContain("ise.");
    }

    @Test
    void theAuditLogSaysWhatWasDone() {
        String id = server.post(CHAT, ask("x", "")).json().get("id").asText();
        assertThat(AUDIT.toString().lines().filter(line -> line.contains(id))).singleElement().asString().contains("t/mask", "\"begin\":2", "\"end\":13", "\"text\":\"output\"", "sha256")
                .doesNotContain("dragon");
        assertThat(server.get("/metrics").body()).contains("zhulong_guard_decisions_total{action=\"mask\",rule=\"t/mask\"}");
    }

    @Test
    void rulesAreReadAnewWhileTheServerRunsAndBrokenOnesChangeNothing() throws Exception {
        String body = Files.readString(rules);
        try {
            assertThat(reload(admin).status()).isEqualTo(200);
            Files.writeString(rules, "name: t\nrules:\n  - {id: x, action: burn}\n");
            assertThat(reload(admin).status()).isEqualTo(400);
            assertThat(server.post(CHAT, ask("x", "")).body()).doesNotContain("dragonfruit");
            Files.writeString(rules, body + "  - {id: red, words: [red], action: replace, with: green}\n");
            assertThat(reload(admin).status()).isEqualTo(200);
            assertThat(server.post(CHAT, ask("x", "")).body()).contains("is green.");
            assertThat(reload("wrong").status()).isEqualTo(401);
            assertThat(server.get("/admin/status").status()).isEqualTo(404);
        } finally {
            Files.writeString(rules, body);
            reload(admin);
        }
    }

    private static Answer reload(String key) {
        return server.admin(key, "POST", "/admin/guard/reload", "");
    }
}
