package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Offset.offset;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.serve.TestServer.Answer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class AnswersHaveOpenAisShapeTest {
    private static final String CHAT = "/v1/chat/completions";
    private static final String TOOLS = "'tools':[{'type':'function','function':{'name':'add','parameters':{'type':'object','properties':{'a':{'type':'integer'},"
            + "'b':{'type':'integer'}},'required':['a','b'],'additionalProperties':false}}}]";
    private static TestServer server;

    @BeforeAll
    static void start() {
        server = TestServer.of(prompt -> prompt.contains("call") ? "I call.<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1, \"b\": 2.50}}\n</tool_call>"
                : prompt.contains("twice") ? "<tool_call>{\"name\":\"add\",\"arguments\":{}}</tool_call><tool_call>{\"name\":\"add\",\"arguments\":{\"a\":3}}</tool_call>"
                : prompt.contains("llama") ? "{\"name\": \"add\", \"parameters\": {\"a\": 1}}" : "Grüße 🐉 to " + prompt.substring(prompt.lastIndexOf('>') + 1));
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @Test
    void aWholeChatHasItsMessageItsEndAndWhatItTook() {
        JsonNode json = server.post(CHAT, "{'model':'tiny','messages':[{'role':'user','content':'you'}],'temperature':0}").json();
        assertThat(json.get("object").asText()).isEqualTo("chat.completion");
        assertThat(json.get("id").asText()).startsWith("chatcmpl-");
        assertThat(json.at("/choices/0/message/role").asText()).isEqualTo("assistant");
        assertThat(json.at("/choices/0/message/content").asText()).isEqualTo("Grüße 🐉 to you");
        assertThat(json.at("/choices/0/finish_reason").asText()).isEqualTo("stop");
        assertThat(json.at("/usage/prompt_tokens").asInt()).isEqualTo("<user>you<A>".length());
        assertThat(json.at("/usage/completion_tokens").asInt()).isEqualTo("Grüße 🐉 to you".getBytes(StandardCharsets.UTF_8).length);
        assertThat(json.get("precision").asText()).isEqualTo("high");
    }

    @Test
    void aStreamTellsTheSameAndEndsInItsMark() {
        Answer answer = server.post(CHAT, "{'messages':[{'role':'user','content':'you'}],'temperature':0,'stream':true,'stream_options':{'include_usage':true}}");
        assertThat(answer.response().headers().firstValue("Content-Type").orElse("")).startsWith("text/event-stream");
        assertThat(answer.body()).endsWith("data: [DONE]\n\n");
        List<JsonNode> events = answer.events();
        assertThat(events.getFirst().at("/choices/0/delta/role").asText()).isEqualTo("assistant");
        assertThat(events.stream().map(event -> event.at("/choices/0/delta/content").asText("")).collect(Collectors.joining())).isEqualTo("Grüße 🐉 to you");
        assertThat(events.stream().filter(event -> event.at("/choices/0/finish_reason").isTextual())).hasSize(1);
        assertThat(events.getLast().get("choices")).isEmpty();
        assertThat(events.getLast().at("/usage/total_tokens").asInt()).isPositive();
        assertThat(events.stream().map(event -> event.get("id").asText()).distinct()).hasSize(1);
    }

    @Test
    void severalAnswersKeepTheirNumbers() {
        JsonNode whole = server.post(CHAT, "{'messages':[{'role':'user','content':'you'}],'temperature':0,'n':3}").json();
        assertThat(whole.get("choices")).hasSize(3).allSatisfy(choice -> assertThat(choice.at("/message/content").asText()).isEqualTo("Grüße 🐉 to you"));
        List<JsonNode> events = server.post(CHAT, "{'messages':[{'role':'user','content':'you'}],'temperature':0,'n':3,'stream':true}").events();
        for (int i = 0; i < 3; i++) {
            int number = i;
            assertThat(events.stream().filter(event -> event.at("/choices/0/index").asInt() == number).map(event -> event.at("/choices/0/delta/content").asText(""))
                    .collect(Collectors.joining())).isEqualTo("Grüße 🐉 to you");
        }
    }

    @Test
    void aStopStringEndsTheTextBeforeIt() {
        JsonNode json = server.post(CHAT, "{'messages':[{'role':'user','content':'you'}],'temperature':0,'stop':[' to ','zzz']}").json();
        assertThat(json.at("/choices/0/message/content").asText()).isEqualTo("Grüße 🐉");
        assertThat(json.at("/choices/0/finish_reason").asText()).isEqualTo("stop");
    }

    @Test
    void whatIsCutOffSaysSo() {
        for (String limit : List.of("max_tokens", "max_completion_tokens")) {
            JsonNode json = server.post(CHAT, "{'messages':[{'role':'user','content':'you'}],'temperature':0,'" + limit + "':2}").json();
            assertThat(json.at("/choices/0/finish_reason").asText()).isEqualTo("length");
            assertThat(json.at("/choices/0/message/content").asText()).isEqualTo("Gr");
        }
    }

    @Test
    void logProbabilitiesStandBesideTheirTokens() {
        JsonNode json = server.post(CHAT, "{'messages':[{'role':'user','content':'you'}],'temperature':0,'logprobs':true,'top_logprobs':2}").json();
        JsonNode tokens = json.at("/choices/0/logprobs/content");
        assertThat(tokens).hasSize(json.at("/usage/completion_tokens").asInt());
        assertThat(tokens.get(0).get("token").asText()).isEqualTo("G");
        assertThat(tokens.get(0).get("bytes")).hasSize(1);
        assertThat(tokens.get(0).get("top_logprobs")).hasSize(2);
        assertThat(tokens.get(0).get("logprob").asDouble()).isBetween(-0.01, 0.0);
        JsonNode text = server.post("/v1/completions", "{'prompt':'abc','temperature':0,'logprobs':1}").json().at("/choices/0/logprobs");
        assertThat(text.get("tokens").get(0).asText()).isEqualTo("G");
        assertThat(text.get("text_offset").get(1).asInt()).isEqualTo(1);
    }

    @Test
    void aCallOfAToolIsToldWithItsArgumentsAsTheModelWroteThem() {
        JsonNode json = server.post(CHAT, "{'messages':[{'role':'user','content':'call'}],'temperature':0," + TOOLS + "}").json();
        JsonNode message = json.at("/choices/0/message");
        assertThat(message.get("content").asText()).isEqualTo("I call.");
        assertThat(message.at("/tool_calls/0/function/name").asText()).isEqualTo("add");
        assertThat(message.at("/tool_calls/0/function/arguments").isTextual()).isTrue();
        assertThat(message.at("/tool_calls/0/function/arguments").asText()).isEqualTo("{\"a\":1,\"b\":2.50}");
        assertThat(json.at("/choices/0/finish_reason").asText()).isEqualTo("tool_calls");
        Answer stream = server.post(CHAT, "{'messages':[{'role':'user','content':'twice'}],'temperature':0,'stream':true," + TOOLS + "}");
        List<JsonNode> calls = stream.events().stream().map(event -> event.at("/choices/0/delta/tool_calls/0")).filter(call -> !call.isMissingNode()).toList();
        assertThat(calls).hasSize(2);
        assertThat(calls.get(1).get("index").asInt()).isEqualTo(1);
        assertThat(calls.get(1).at("/function/arguments").asText()).isEqualTo("{\"a\":3}");
        assertThat(server.post(CHAT, "{'messages':[{'role':'user','content':'llama'}],'temperature':0," + TOOLS + "}").json()
                .at("/choices/0/message/tool_calls/0/function/arguments").asText()).isEqualTo("{\"a\":1}");
    }

    @Test
    void aCallThatMustBeMadeIsMade() {
        for (String choice : List.of("'required'", "{'type':'function','function':{'name':'add'}}")) {
            JsonNode json = server.post(CHAT, "{'messages':[{'role':'user','content':'you'}],'max_tokens':300,'logit_bias':{'32':-100,'10':-100,'13':-100,'9':-100},'temperature':0,'tool_choice':"
                    + choice + "," + TOOLS + "}").json();
            JsonNode call = json.at("/choices/0/message/tool_calls/0/function");
            assertThat(call.get("name").asText()).as(json.toString()).isEqualTo("add");
            assertThat(TestServer.parsed(call.get("arguments").asText()).get("a").isIntegralNumber()).isTrue();
        }
    }

    @Test
    void whatAToolAnsweredReachesTheModel() {
        JsonNode json = server.post(CHAT, "{'messages':[{'role':'user','content':'hi'},{'role':'assistant','content':null,'tool_calls':[{'id':'c1','type':'function',"
                + "'function':{'name':'add','arguments':'{}'}}]},{'role':'tool','tool_call_id':'c1','content':'it is 3'}],'temperature':0," + TOOLS + "}").json();
        assertThat(json.at("/choices/0/message/content").asText()).isEqualTo("Grüße 🐉 to it is 3");
    }

    @Test
    void jsonIsWhatTheSchemaSays() {
        String format = "'response_format':{'type':'json_schema','json_schema':{'name':'n','strict':true,'schema':{'type':'object','properties':{'ok':{'type':'boolean'}},"
                + "'required':['ok'],'additionalProperties':false}}}";
        JsonNode json = server.post(CHAT, "{'messages':[{'role':'user','content':'you'}],'max_tokens':200,'temperature':0,'logit_bias':{'32':-100,'10':-100,'13':-100,'9':-100}," + format + "}").json();
        assertThat(TestServer.parsed(json.at("/choices/0/message/content").asText()).get("ok").isBoolean()).as(json.toString()).isTrue();
    }

    @Test
    void textsAreContinuedEachAfterItsPrompt() {
        JsonNode json = server.post("/v1/completions", "{'prompt':['a>x','b>y'],'max_tokens':100,'temperature':0,'echo':true}").json();
        assertThat(json.get("object").asText()).isEqualTo("text_completion");
        assertThat(json.at("/choices/0/text").asText()).isEqualTo("a>xGrüße 🐉 to x");
        assertThat(json.at("/choices/1/text").asText()).isEqualTo("b>yGrüße 🐉 to y");
        assertThat(server.post("/v1/completions", "{'prompt':[97,98],'max_tokens':100,'temperature':0}").json().at("/choices/0/text").asText()).isEqualTo("Grüße 🐉 to ab");
        assertThat(server.post("/v1/completions", "{'prompt':'a','temperature':0}").json().at("/usage/completion_tokens").asInt()).isEqualTo(16);
    }

    @Test
    void aGapIsFilledBetweenItsMarks() {
        JsonNode json = server.post("/v1/completions", "{'prompt':'for','suffix':'end','max_tokens':100,'temperature':0}").json();
        assertThat(json.at("/choices/0/text").asText()).isEqualTo("Grüße 🐉 to forend");
        assertThat(json.at("/usage/prompt_tokens").asInt()).isEqualTo(9);
    }

    @Test
    void vectorsAreOfLengthOneAndTheSameInBothForms() {
        JsonNode json = server.post("/v1/embeddings", "{'input':['aab',[97,97,98]],'model':'tiny'}").json();
        assertThat(json.at("/data/0/embedding")).isEqualTo(json.at("/data/1/embedding")).hasSize(8);
        double a = json.at("/data/0/embedding/" + 'a' % 8).asDouble();
        double b = json.at("/data/0/embedding/" + 'b' % 8).asDouble();
        assertThat(a).isCloseTo(2 * b, offset(1e-6));
        assertThat(a * a + b * b).isCloseTo(1, offset(1e-6));
        byte[] bytes = Base64.getDecoder().decode(server.post("/v1/embeddings", "{'input':'aab','encoding_format':'base64'}").json().at("/data/0/embedding").asText());
        assertThat((double) ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getFloat(4 * ('a' % 8))).isCloseTo(a, offset(1e-6));
    }

    @Test
    void tokensComeAndGo() {
        assertThat(server.post("/tokenize", "{'text':'hé'}").json().get("tokens").toString()).isEqualTo("[104,195,169]");
        assertThat(server.post("/detokenize", "{'tokens':[104,195,169]}").json().get("text").asText()).isEqualTo("hé");
    }

    @Test
    void theModelIsListed() {
        assertThat(server.get("/v1/models").json().at("/data/0/id").asText()).isEqualTo("tiny");
        assertThat(server.get("/v1/models/tiny").json().get("object").asText()).isEqualTo("model");
        assertThat(server.get("/v1/models/other").status()).isEqualTo(404);
        assertThat(server.get("/health").status()).isEqualTo(200);
        assertThat(server.get("/ready").status()).isEqualTo(200);
        assertThat(server.get("/metrics").body()).contains("zhulong_queue", "zhulong_written_tokens_total");
    }
}
