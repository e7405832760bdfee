package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import dev.zhulong.guard.AuditLog;
import dev.zhulong.infer.SchedulerOptions;
import dev.zhulong.serve.TestServer.Answer;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The model says again what the user has said last. */
class JsonIsJudgedByWhatItSpellsTest {
    private static final String CHAT = "/v1/chat/completions";
    private static final String TOOLS = ",'tools':[{'type':'function','function':{'name':'say','parameters':{'type':'object'}}}]";
    private static final String JSON = ",'response_format':{'type':'json_object'}";
    @TempDir
    static Path directory;
    private static TestServer server;
    private static volatile String prompt;

    @BeforeAll
    static void start() throws IOException {
        Path rules = Files.writeString(directory.resolve("rules.yaml"), """
                name: t
                rules:
                  - {id: out, on: output, words: [acme clinic], action: mask}
                  - {id: said, on: output, words: [rival], action: replace, with: "a \\"friend\\"\\n"}
                  - {id: number, on: output, pii: [phone-cn], action: mask}
                  - {id: in, on: input, words: [volcano], action: block, with: No volcanoes.}
                  - {id: mask, on: input, words: [dragonfruit], action: mask}
                """);
        var model = new ScriptedModel(4096, asked -> {
            prompt = asked;
            return asked.substring(asked.lastIndexOf("<user>") + "<user>".length());
        });
        server = new TestServer(model, new SchedulerOptions(8, 64, 100_000, 64, true),
                ServerOptions.local(0).withGuard(new Guard(List.of(rules.toString()), AuditLog.NONE)).withLimits(8 << 20, 30, 2));
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static String quoted(String text) {
        return Json.text(TextNode.valueOf(text));
    }

    private static String ask(String content, String more) {
        return "{'messages':[{'role':'user','content':" + quoted(content) + "}],'temperature':0,'max_tokens':300" + more + "}";
    }

    private static Answer answer(String said, String more) {
        return server.raw(CHAT, ask(said, more).replace('\'', '"').getBytes(StandardCharsets.UTF_8));
    }

    /** What all events or the message say of one choice, its calls' arguments among it. */
    private static String told(Answer answer, boolean stream, int choice) {
        List<JsonNode> parts = stream ? answer.events() : List.of(answer.json());
        return parts.stream().flatMap(part -> part.get("choices").valueStream()).filter(each -> each.get("index").asInt() == choice)
                .map(each -> each.path(stream ? "delta" : "message")).map(each -> each.path("content").asText("") + each.at("/tool_calls/0/function/arguments").asText(""))
                .collect(Collectors.joining());
    }

    @Test
    void inAnswersWithToolsAndWithoutWholeAndStreamedOnceAndSeveralTimes() {
        for (String value : List.of("acme\\nclinic", "\\u0061cme\\tclinic", "acme \\u0063li\\u200bnic", "acme\\r\\n clinic")) {
            String said = "{\"v\":\"" + value + "\"}";
            for (String more : List.of("", JSON, ",'n':2" + JSON, ",'logprobs':true,'top_logprobs':3" + JSON, ",'logprobs':true")) {
                for (String tools : List.of("", TOOLS)) {
                    for (String stream : List.of("", ",'stream':true")) {
                        Answer answer = answer(said, more + tools + stream);
                        assertThat(answer.status()).isEqualTo(200);
                        for (int i = 0; i < (more.contains("'n':2") ? 2 : 1); i++) {
                            assertThat(told(answer, !stream.isEmpty(), i)).as(said + more + tools + stream).matches("\\{\"v\":\"\\*+\"}");
                        }
                        assertThat(spelled(answer, !stream.isEmpty())).doesNotContain("acme").doesNotContain("clinic").doesNotContain("0061").doesNotContain("li\\u200bnic");
                    }
                }
            }
        }
    }

    private static String spelled(Answer answer, boolean stream) {
        List<JsonNode> parts = stream ? answer.events() : List.of(answer.json());
        return parts.stream().flatMap(part -> part.at("/choices/0/logprobs/content").valueStream()).map(token -> token.get("token").asText()).collect(Collectors.joining());
    }

    @Test
    void inCallsOfTools() {
        String arguments = "{\"acme\\nclinic\":\"\\u0061cme clinic\",\"in\":\"{\\\"v\\\":\\\"acme\\\\nclinic\\\"}\",\"list\":[\"acme\\tclinic\"],\"phone\":13800138000}";
        for (String format : List.of("", JSON)) {
            for (String stream : List.of("", ",'stream':true")) {
                for (String call : List.of("{\"name\":\"say\",\"arguments\":" + arguments + "}", "{\"name\":\"say\",\"arguments\":" + quoted(arguments) + "}",
                        "<tool_call>{\"name\":\"say\",\"arguments\":" + arguments + "}</tool_call>")) {
                    if (format.isEmpty() || call.startsWith("{")) {
                        String told = told(answer(call, TOOLS + format + stream), !stream.isEmpty(), 0);
                        assertThat(told).as(call + format + stream).contains("***").doesNotContain("acme").doesNotContain("u0061").doesNotContain("clinic").doesNotContain("13800138000");
                    }
                }
            }
        }
    }

    @Test
    void whatStandsInsteadIsSpelledAsJson() {
        for (String more : List.of(JSON, JSON + TOOLS)) {
            String told = told(answer("{\"v\":\"ri\\u0076al\",\"n\":13800138000}", more), false, 0);
            assertThat(TestServer.parsed(told).get("v").asText()).isEqualTo("a \"friend\"\n");
            assertThat(TestServer.parsed(told).get("n").asText()).isEqualTo("***********");
        }
        assertThat(told(answer("{\"v\":\"a\\nb\",\"n\":[1.10,true]}", JSON + TOOLS), false, 0)).isEqualTo("{\"v\":\"a\\nb\",\"n\":[1.10,true]}");
    }

    @Test
    void inEverythingThatGoesToTheModel() {
        String said = "{\\\"v\\\":\\\"dragon\\\\u0066ruit\\\"}";
        String call = "{'role':'assistant','tool_calls':[{'id':'dragonfruit','type':'function','function':{'name':'dragonfruit','arguments':'" + said + "'}}]}";
        String result = "{'role':'tool','tool_call_id':'dragonfruit','name':'dragonfruit','content':'" + said + "'}";
        String parts = "{'role':'system','content':[{'type':'text','text':'" + said + "'},{'type':'text','text':' dragon'},{'type':'text','text':'fruit'}]}";
        String tool = "{'type':'function','x-note':'dragonfruit','dragonfruit':1,'function':{'name':'say','returns':'dragonfruit','type':'dragonfruit','description':'" + said
                + "','parameters':{'properties':{'dragonfruit':{'enum':['dragon\\nfruit','dragonfruit']}}}}}";
        Answer answer = server.post(CHAT, "{'messages':[" + parts + "," + call + "," + result + ",{'role':'user','content':'hi'}],'tools':[" + tool + "],'temperature':0}");
        assertThat(answer.status()).as(answer.body()).isEqualTo(200);
        assertThat(prompt).contains("***").doesNotContain("dragon").doesNotContain("u0066");
        String told = new ToolChoice(Map.of("say", (ObjectNode) TestServer.parsed(tool.replace('\'', '"'))), Set.of(), false)
                .reviewed(text -> text.replace("dragonfruit", "*")).texts().getFirst();
        assertThat(told).doesNotContain("dragonfruit").contains("\"type\":\"function\"", "\"name\":\"say\"", "\"description\"", "\"x-note\":\"*\"", "\"returns\":\"*\"");
    }

    @Test
    void aBlockHoldsForEveryFieldOfARequest() {
        String said = "{\\\"v\\\":\\\"vol\\\\u0063ano\\\"}";
        String user = "{'role':'user','content':'hi'}";
        String call = "{'role':'assistant','tool_calls':[{'id':'%s','type':'function','function':{'name':'%s','arguments':'%s'}}]}";
        for (String messages : List.of("{'role':'system','content':'" + said + "'}", "{'role':'user','content':[{'type':'text','text':'" + said + "'}]}", call.formatted("a", "say", said),
                call.formatted("volcano", "say", "{}"), call.formatted("a", "volcano", "{}"), "{'role':'tool','tool_call_id':'a','content':'" + said + "'}",
                "{'role':'tool','tool_call_id':'a','content':[{'type':'text','text':'" + said + "'}]}", "{'role':'assistant','content':'" + said + "'}",
                "{'role':'assistant','content':'','reasoning_content':'" + said + "'}", "{'role':'user','name':'volcano','content':'x'}")) {
            refused(CHAT, "{'messages':[" + messages + "," + user + "]}");
        }
        for (String tool : List.of("{'type':'function','function':{'name':'volcano'}}", "{'type':'function','function':{'name':'say','description':'" + said + "'}}",
                "{'type':'function','volcano':1,'function':{'name':'say'}}", "{'type':'function','function':{'name':'say','returns':{'a':['vol\\u0063ano']}}}")) {
            refused(CHAT, "{'messages':[" + user + "],'tools':[" + tool + "]}");
        }
        for (String prompt : List.of("'" + said + "'", "['x','" + said + "']", "[118,111,108,99,97,110,111]", "[[120],[118,111,108,92,117,48,48,54,51,97,110,111]]")) {
            refused("/v1/completions", "{'prompt':" + prompt + "}");
            refused("/v1/embeddings", "{'input':" + prompt + "}");
        }
        refused("/v1/completions", "{'prompt':'x','suffix':'" + said + "'}");
    }

    private static void refused(String path, String body) {
        Answer answer = server.post(path, body);
        assertThat(answer.error()).as(body).isEqualTo("No volcanoes. content_filter");
    }

    @Test
    void rulesEndAtTheDeadline() {
        String text = "dragonfruit ".repeat(600_000);
        for (String path : List.of(CHAT, "/v1/completions", "/v1/embeddings")) {
            String body = path.equals(CHAT) ? ask(text, "") : "{'" + (path.contains("embed") ? "input" : "prompt") + "':'" + text + "'}";
            Answer answer = server.post(path, body);
            assertThat(answer.status()).as(path).isEqualTo(504);
            assertThat(answer.error()).contains("deadline_exceeded");
        }
    }

    @Test
    void rulesEndWhenTheClientLeaves() throws IOException {
        byte[] body = ("{\"input\":\"" + "dragonfruit ".repeat(600_000) + "\"}").getBytes(StandardCharsets.UTF_8);
        try (var socket = new Socket("127.0.0.1", server.server.port())) {
            socket.getOutputStream().write(("POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " + body.length + "\r\n\r\n")
                    .getBytes(StandardCharsets.UTF_8));
            socket.getOutputStream().write(body);
            socket.getOutputStream().flush();
        }
        TestServer.await(30, () -> server.get("/metrics").body().contains("route=\"embeddings\",status=\"499\""));
    }
}
