package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.serve.TestServer.Answer;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AnswersComeInOllamasLinesTest {
    private static final String CHAT = "/api/chat";
    private static TestServer server;

    @BeforeAll
    static void start() {
        server = TestServer.of(prompt -> prompt.endsWith("call") ? "<tool_call>{\"name\":\"add\",\"arguments\":{\"a\":1.50}}</tool_call>" : "Grüße 🐉");
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static Answer say(String content, String more) {
        return server.post(CHAT, "{'model':'tiny','options':{'temperature':0},'messages':[{'role':'user','content':'" + content + "'}]" + more + "}");
    }

    private static List<JsonNode> lines(Answer answer) {
        return Arrays.stream(answer.body().split("\n")).map(TestServer::parsed).toList();
    }

    @Test
    void answersAreStreamedUnlessTheyAreNotToBe() {
        Answer answer = say("hi", "");
        assertThat(answer.response().headers().firstValue("Content-Type").orElse("")).startsWith("application/x-ndjson");
        List<JsonNode> lines = lines(answer);
        assertThat(lines.stream().map(line -> line.at("/message/content").asText()).reduce("", String::concat)).isEqualTo("Grüße 🐉");
        assertThat(lines.stream().filter(line -> line.get("done").booleanValue())).containsExactly(lines.getLast());
        for (String field : List.of("total_duration", "load_duration", "prompt_eval_count", "prompt_eval_duration", "eval_count", "eval_duration")) {
            assertThat(lines.getLast().get(field).isIntegralNumber()).as(field).isTrue();
        }
        assertThat(say("hi", ",'stream':false").json().at("/message/content").asText()).isEqualTo("Grüße 🐉");
    }

    @Test
    void argumentsOfCallsAreObjectsWithTheModelsDigits() {
        String tools = ",'tools':[{'type':'function','function':{'name':'add','parameters':{'type':'object'}}}]";
        assertThat(say("call", tools).body()).contains("\"function\":{\"name\":\"add\",\"arguments\":{\"a\":1.50}}");
        assertThat(lines(say("call", tools)).getLast().get("done_reason").asText()).isEqualTo("stop");
    }

    @Test
    void aModelThatIsOnlyToBeThereIs() {
        for (String path : List.of(CHAT, "/api/generate")) {
            JsonNode json = server.post(path, "{'model':'tiny'}").json();
            assertThat(json.get("done_reason").asText()).isEqualTo("load");
            assertThat(server.post(path, "{'model':'other'}").status()).isEqualTo(404);
        }
    }

    @Test
    void theEndOfATextThatIsTooLongIsLeftOutOrItIsRefused() {
        String text = "{'model':'tiny','input':'" + "x".repeat(3000) + "'";
        assertThat(server.post("/api/embed", text + "}").json().get("prompt_eval_count").asInt()).isEqualTo(ApiServer.EMBED_TOKENS);
        assertThat(server.post("/api/embed", text + ",'truncate':false}").status()).isEqualTo(400);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "/api/chat | {'messages':[{'role':'user','content':'x'}]} | model is missing",
        "/api/chat | {'model':'tiny','messages':[{'role':'user','content':'x','images':['aGk=']}]} | messages[0].images are not supported",
        "/api/chat | {'model':'tiny','messages':[{'role':'user','content':'x'}],'format':'xml'} | format must be \"json\" or a JSON schema",
        "/api/chat | {'model':'tiny','messages':[{'role':'user','content':'x'}],'logprobs':true} | logprobs is not supported",
        "/api/chat | {'model':'tiny','messages':[{'role':'user','content':'x'}],'options':{'num_predict':0}} | options.num_predict must not be 0",
        "/api/generate | {'model':'tiny','prompt':'x','context':[1]} | context is not supported",
        "/api/generate | {'model':'tiny','prompt':'x','template':'t'} | template is not supported",
        "/api/show | {} | model is missing"})
    void whatIsNotKeptIsRefusedByName(String path, String body, String message) {
        Answer answer = server.post(path, body);
        assertThat(answer.status()).as(answer.body()).isEqualTo(400);
        assertThat(answer.json().get("error").asText()).contains(message);
    }
}
