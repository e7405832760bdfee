package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.infer.SchedulerOptions;
import dev.zhulong.serve.TestServer.Answer;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class WhatIsWrongIsNamedByItsFieldTest {
    private static final String CHAT = "/v1/chat/completions";
    private static final String TEXT = "/v1/completions";
    private static final String EMBED = "/v1/embeddings";
    private static final String HI = "'messages':[{'role':'user','content':'hi'}]";
    private static TestServer server;

    @BeforeAll
    static void start() {
        server = new TestServer(new ScriptedModel(512, prompt -> prompt.contains("now") ? "seen " + prompt : "ok"), SchedulerOptions.of(4, 10_000), ServerOptions.local(0));
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @Test
    void onEveryRoute() {
        String longText = "x".repeat(2500);
        String ids = String.join(",", Collections.nCopies(600, "1"));
        String[][] wrong = {
            {CHAT, "{'messages':[{'role':'user','content':'" + longText + "'}]}", "messages"}, {TEXT, "{'prompt':'" + longText + "'}", "prompt"}, {TEXT, "{'prompt':[" + ids + "]}", "prompt"},
            {TEXT, "{'prompt':['a','" + longText + "']}", "prompt"}, {EMBED, "{'input':'" + longText + "'}", "input"}, {EMBED, "{'input':[[" + ids + "]]}", "input"},
            {TEXT, "{}", "prompt"}, {TEXT, "{'prompt':[]}", "prompt"}, {TEXT, "{'prompt':{}}", "prompt"}, {TEXT, "{'prompt':[999999]}", "prompt"}, {TEXT, "{'prompt':[['a']]}", "prompt"},
            {EMBED, "{}", "input"}, {EMBED, "{'input':7}", "input"}, {EMBED, "{'input':[-1]}", "input"}, {EMBED, "{'input':'x','dimensions':3}", "dimensions"},
            {EMBED, "{'input':'x','encoding_format':'hex'}", "encoding_format"}, {EMBED, "{'input':'x','model':7}", "model"}, {CHAT, "{}", "messages"}, {CHAT, "{'messages':7}", "messages"},
            {CHAT, "{'messages':[7]}", "messages[0]"}, {CHAT, "{'messages':[{'role':'user','content':'a'},{'role':'user','content':7}]}", "messages[1].content"},
            {CHAT, "{'messages':[{'role':'user','content':[{'type':'text','text':'a'},{'type':'text'}]}]}", "messages[0].content[1].text"},
            {CHAT, "{'messages':[{'role':'assistant','tool_calls':[{'function':{'name':'f'}},{'function':{}}]}]}", "messages[0].tool_calls[1].function.name"},
            {CHAT, "{" + HI + ",'tools':[{'function':{'name':'a b'}}]}", "tools[0].function.name"}, {CHAT, "{" + HI + ",'tool_choice':'x'}", "tool_choice"},
            {CHAT, "{" + HI + ",'response_format':{'type':'x'}}", "response_format.type"}, {CHAT, "{" + HI + ",'response_format':{'type':'json_schema'}}", "response_format.json_schema"},
            {CHAT, "{" + HI + ",'max_completion_tokens':0}", "max_completion_tokens"}, {CHAT, "{" + HI + ",'max_tokens':0}", "max_tokens"}, {TEXT, "{'prompt':'x','logprobs':true}", "logprobs"},
            {TEXT, "{'prompt':'x','best_of':3}", "best_of"}, {TEXT, "{'prompt':'x','echo':true,'logprobs':1}", "echo"},
            {TEXT, "{'prompt':['x','y'],'n':64}", "prompt"}, {TEXT, "{'prompt':'x','stream':true,'stream_options':{'include_usage':1}}", "stream_options.include_usage"},
            {"/tokenize", "{}", "text"}, {"/tokenize", "{'text':7}", "text"}, {"/tokenize", "{'content':7}", "content"}, {"/tokenize", "{'prompt':7}", "prompt"}, {"/detokenize", "{'tokens':['a']}", "tokens"},
        };
        for (String[] each : wrong) {
            Answer answer = server.post(each[0], each[1]);
            assertThat(answer.status()).as(each[1]).isEqualTo(400);
            assertThat(answer.json().at("/error/param").asText()).as(each[0] + " " + each[1].substring(0, Math.min(100, each[1].length())) + " " + answer.body()).isEqualTo(each[2]);
        }
        assertThat(server.post(EMBED, "{'input':'x','model':'other'}").json().at("/error/param").asText()).isEqualTo("model");
    }

    @Test
    void halvesOfSurrogatePairsAreFoundWhereverTheyStand() {
        String[][] wrong = {
            {CHAT, "{'messages':[{'role':'user','content':'a\\ud800'}]}", "messages[0].content"}, {CHAT, "{'messages':[{'role':'user','content':'\\uDC00\\uD800'}]}", "messages[0].content"},
            {CHAT, "{'messages':[{'role':'user','content':[{'type':'text','text':'\\udfff'}]}]}", "messages[0].content[0].text"}, {TEXT, "{'prompt':['a','\\ud800x']}", "prompt[1]"},
            {EMBED, "{'input':'\\ud800'}", "input"}, {"/tokenize", "{'text':'\\ud800'}", "text"}, {CHAT, "{" + HI + ",'stop':['a','\\ud800']}", "stop[1]"},
            {CHAT, "{" + HI + ",'tools':[{'function':{'name':'f','parameters':{'properties':{'a':{'enum':['\\ud800']}}}}}]}", "tools[0].function.parameters.properties.a.enum[0]"},
            {CHAT, "{" + HI + ",'user':'\\ud800'}", "user"}, {CHAT, "{" + HI + ",'metadata':{'\\ud800':1}}", "metadata.\ud800"},
            {CHAT, "{'messages':[{'role':'assistant','tool_calls':[{'function':{'name':'f','arguments':'{\\'a\\':\\'\\\\ud800\\'}'}}]}]}", "messages[0].tool_calls[0].function.arguments.a"},
        };
        for (String[] each : wrong) {
            Answer answer = server.post(each[0], each[1]);
            assertThat(answer.status()).as(each[1]).isEqualTo(400);
            assertThat(answer.error()).as(each[1]).contains("half a surrogate pair");
            assertThat(answer.json().at("/error/param").asText()).as(each[1]).isEqualTo(new String(each[2].getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8));
        }
        assertThat(server.post("/tokenize", "{'text':'\\ud83d\\ude00\\uac00'}").json().path("count").asInt()).isEqualTo(7);
    }

    private static Answer bytes(String hex) {
        var body = new ByteArrayOutputStream();
        body.writeBytes("{\"text\":\"a".getBytes(StandardCharsets.US_ASCII));
        body.writeBytes(HexFormat.of().parseHex(hex.replace(" ", "")));
        body.writeBytes("\"}".getBytes(StandardCharsets.US_ASCII));
        return server.raw("/tokenize", body.toByteArray());
    }

    @Test
    void aBodyIsUtf8OrItIsRefused() {
        // RFC 3629, section 4: what its grammar does not derive
        for (String wrong : List.of("c0 af", "c1 bf", "c0 80", "e0 80 af", "e0 9f bf", "f0 80 80 af", "f0 8f bf bf", "f8 88 80 80 80", "fc 84 80 80 80 80", "ed a0 80", "ed bf bf", "ed a0 bd ed b8 80",
                "f4 90 80 80", "f5 80 80 80", "f7 bf bf bf", "80", "bf", "c3", "e2 82", "f0 9f 98", "c3 28", "e2 28 a1", "f0 28 8c bc", "fe", "ff", "ff fe")) {
            Answer answer = bytes(wrong);
            assertThat(answer.status()).as(wrong).isEqualTo(400);
            assertThat(answer.error()).as(wrong).contains("the body is not UTF-8");
        }
        for (String right : List.of("", "7f", "c2 80", "df bf", "e0 a0 80", "ed 9f bf", "ee 80 80", "ef bf bf", "f0 90 80 80", "f4 8f bf bf", "ef bb bf")) {
            assertThat(bytes(right).json().path("count").asInt()).as(right).isEqualTo(1 + right.replace(" ", "").length() / 2);
        }
        for (String begin : List.of("\ufeff{\"text\":\"a\"}", "{\"text\":\"a\"}")) {
            assertThat(server.raw("/tokenize", begin.getBytes(StandardCharsets.UTF_8)).json().path("count").asInt()).isEqualTo(1);
            assertThat(server.raw("/tokenize", begin.getBytes(StandardCharsets.UTF_16LE)).status()).isEqualTo(400);
            assertThat(server.raw("/tokenize", begin.getBytes(StandardCharsets.UTF_16BE)).status()).isEqualTo(400);
        }
    }

    private static Answer called(String function) {
        return server.post(CHAT, "{'messages':[{'role':'user','content':'hi'},{'role':'assistant','content':null,'tool_calls':[{'id':'c1','type':'function','function':" + function
                + "}]},{'role':'tool','tool_call_id':'c1','content':'5'}],'temperature':0,'max_tokens':400}");
    }

    @Test
    void argumentsOfCallsAreTakenAsModelsAndClientsWriteThem() {
        String[][] taken = {
            {"{'name':'now'}", "{}"}, {"{'name':'now','arguments':''}", "{}"}, {"{'name':'now','arguments':null}", "{}"}, {"{'name':'now','arguments':' \\n\\t'}", "{}"},
            {"{'name':'now','arguments':{}}", "{}"}, {"{'name':'now','arguments':'{}'}", "{}"}, {"{'name':'now','arguments':'null'}", "{}"}, {"{'name':'now','arguments':{'zone':'CET'}}", "{\"zone\": \"CET\"}"},
            {"{'name':'now','arguments':'{\\'zone\\':\\'CET\\'}'}", "{\"zone\": \"CET\"}"},
        };
        for (String[] each : taken) {
            Answer answer = called(each[0]);
            assertThat(answer.status()).as(each[0] + answer.body()).isEqualTo(200);
            assertThat(answer.json().at("/choices/0/message/content").asText()).as(each[0]).contains("(now " + each[1] + ")");
        }
        for (String broken : List.of("'{'", "'now'", "'[1]'", "'7'", "[1]", "7", "true", "'{\\'a\\':1} {}'", "'{\\'a\\':1,\\'a\\':2}'")) {
            Answer answer = called("{'name':'now','arguments':" + broken + "}");
            assertThat(answer.status()).as(broken).isEqualTo(400);
            assertThat(answer.json().at("/error/param").asText()).as(broken).isEqualTo("messages[1].tool_calls[0].function.arguments");
        }
    }

    @Test
    void aModelsCallWithoutArgumentsIsACall() {
        for (String written : List.of("\"\"", "null", "{}", "\"{}\"", "\" \"")) {
            try (TestServer other = TestServer.of(prompt -> "<tool_call>{\"name\": \"now\", \"arguments\": " + written + "}</tool_call>")) {
                JsonNode message = other.post(CHAT, "{" + HI + ",'temperature':0,'tools':[{'type':'function','function':{'name':'now'}}]}").json().at("/choices/0/message");
                assertThat(message.at("/tool_calls/0/function/arguments").asText()).as(written).isEqualTo("{}");
            }
        }
    }
}
