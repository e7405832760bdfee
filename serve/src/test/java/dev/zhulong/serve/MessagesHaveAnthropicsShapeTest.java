package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.infer.SchedulerOptions;
import dev.zhulong.serve.TestServer.Answer;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MessagesHaveAnthropicsShapeTest {
    private static final String PATH = "/v1/messages";
    private static final String TOOLS = ",'tools':[{'name':'add','input_schema':{'type':'object','properties':{'a':{'type':'boolean'}},'required':['a'],'additionalProperties':false}}]";
    private static final String NO_SPACE = ",'temperature':0,'top_k':1";
    private static TestServer server;

    @BeforeAll
    static void start() {
        server = TestServer.of(prompt -> prompt.contains("call") ? "I call.<tool_call>{\"name\":\"add\",\"arguments\":{\"a\":true}}</tool_call>"
                : prompt.contains("twice") ? "[{\"name\":\"add\",\"arguments\":{\"a\":true}},{\"name\":\"add\",\"arguments\":{\"a\":false}}]"
                : prompt.contains("json") ? "{\"a\":true}" : prompt);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static Answer ask(String messages, String more) {
        return server.post(PATH, "{'model':'tiny','max_tokens':200,'messages':[" + messages + "]" + NO_SPACE + more + "}");
    }

    private static Answer say(String content, String more) {
        return ask("{'role':'user','content':'" + content + "'}", more);
    }

    @Test
    void aStreamOpensAndClosesItsBlocksOneAfterTheOther() {
        Answer answer = say("call", ",'stream':true" + TOOLS);
        assertThat(answer.body()).startsWith("event: message_start\ndata: {").doesNotContain("[DONE]");
        List<JsonNode> events = answer.events();
        List<String> order = events.stream().map(event -> event.get("type").asText() + event.path("index").asText("")).distinct().toList();
        assertThat(order).containsExactly("message_start", "content_block_start0", "content_block_delta0", "content_block_stop0", "content_block_start1", "content_block_delta1",
                "content_block_stop1", "message_delta", "message_stop");
        assertThat(events.getFirst().at("/message/content")).isEmpty();
        assertThat(events.getFirst().at("/message/usage/input_tokens").asInt()).isPositive();
        JsonNode end = events.get(events.size() - 2);
        assertThat(end.at("/delta/stop_reason").asText()).isEqualTo("tool_use");
        assertThat(end.at("/usage/output_tokens").asInt()).isPositive();
    }

    @Test
    void aToolThatMustBeUsedIsUsedOnceOrSeveralTimes() {
        for (String choice : List.of("{'type':'any'}", "{'type':'tool','name':'add','disable_parallel_tool_use':true}")) {
            JsonNode json = say("twice", TOOLS + ",'tool_choice':" + choice).json();
            assertThat(json.get("content")).as(json.toString()).hasSize(choice.contains("any") ? 2 : 1).allSatisfy(block -> assertThat(block.at("/input/a").isBoolean()).isTrue());
            assertThat(json.get("stop_reason").asText()).isEqualTo("tool_use");
        }
    }

    @Test
    void anAnswerKeepsToTheFormThatIsAskedFor() {
        String schema = "{'format':{'type':'json_schema','schema':{'type':'object','properties':{'a':{'type':'boolean'}},'required':['a'],'additionalProperties':false}}}";
        assertThat(say("json", ",'output_config':" + schema).json().at("/content/0/text").asText()).isEqualTo("{\"a\":true}");
    }

    @Test
    void systemAndWhatToolsAnsweredReachTheTemplateInTheirOrder() {
        JsonNode json = ask("{'role':'user','content':[{'type':'text','text':'one'},{'type':'text','text':' two','cache_control':{'type':'ephemeral'}}]},"
                + "{'role':'assistant','content':[{'type':'thinking','thinking':'hm','signature':'s'},{'type':'text','text':'so'},{'type':'tool_use','id':'t1','name':'add','input':{'a':true}}]},"
                + "{'role':'user','content':[{'type':'tool_result','tool_use_id':'t1','content':'3','is_error':true},{'type':'text','text':'go on'}]}",
                ",'system':[{'type':'text','text':'Be brief.'}]" + TOOLS).json();
        assertThat(json.at("/content/0/text").asText()).as(json.toString())
                .isEqualTo("[add]<system>Be brief.<user>one two<assistant>so(add {\"a\": true})<tool>Error: 3<user>go on");
        assertThat(json.get("stop_reason").asText()).isEqualTo("end_turn");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "{'messages':[{'role':'user','content':'x'}]} | max_tokens is missing",
        "{'max_tokens':1,'messages':[]} | messages must have at least one message",
        "{'max_tokens':1,'messages':[{'role':'user','content':'x'},{'role':'assistant','content':'y'}]} | messages[1].role must not be assistant in the last message",
        "{'max_tokens':1,'messages':[{'role':'user','content':[{'type':'image','source':{}}]}]} | messages[0].content[0].type is \"image\": this model reads text alone",
        "{'max_tokens':1,'messages':[{'role':'user','content':'x'}],'mcp_servers':[{}]} | mcp_servers is not supported",
        "{'max_tokens':1,'messages':[{'role':'user','content':'x'}],'tools':[{'type':'bash_20250124','name':'bash'}]} | tools[0].type is \"bash_20250124\"",
        "{'max_tokens':1,'messages':[{'role':'user','content':'x'}],'tool_choice':{'type':'some'}} | tool_choice.type must be auto, any, tool or none",
        "{'max_tokens':1,'messages':[{'role':'user','content':'x'}],'output_format':{'type':'json_schema','schema':{'not':{'minLength':1},'type':'nothing'}}} | schema"})
    void whatIsNotKeptIsRefusedByName(String body, String message) {
        Answer answer = server.post(PATH, body);
        assertThat(answer.status()).as(answer.body()).isEqualTo(400);
        assertThat(answer.json().get("type").asText()).isEqualTo("error");
        assertThat(answer.json().at("/error/type").asText()).isEqualTo("invalid_request_error");
        assertThat(answer.json().at("/error/message").asText()).contains(message);
    }

    @Test
    void tokensAreCountedOfPromptsThatAreTooLongToBeAnswered() {
        String content = "{'messages':[{'role':'user','content':'" + "x".repeat(5000) + "'}]}";
        assertThat(server.post(PATH + "/count_tokens", content).json().get("input_tokens").asInt()).isEqualTo("<user><A>".length() + 5000);
        Answer refused = server.post(PATH, content.replace("{'messages'", "{'max_tokens':1,'messages'"));
        assertThat(refused.status()).isEqualTo(400);
        assertThat(refused.json().at("/error/message").asText()).contains("4096");
    }

    @Test
    void aKeyMayComeInTheHeaderOfTheirClients(@TempDir Path directory) {
        Path file = directory.resolve("keys.json");
        String key = ApiKeys.add(file, "clinic", null, null);
        String body = "{'max_tokens':9,'messages':[{'role':'user','content':'x'}]}";
        try (var locked = new TestServer(new ScriptedModel(4096, prompt -> "ok"), new SchedulerOptions(8, 64, 100_000, 64, true), ServerOptions.local(0).withKeys(ApiKeys.read(file)))) {
            assertThat(locked.post(PATH, body, "x-api-key", key).status()).isEqualTo(200);
            assertThat(locked.post(PATH, body, "Authorization", "Bearer " + key).status()).isEqualTo(200);
            for (Answer answer : List.of(locked.post(PATH, body), locked.post(PATH, body, "x-api-key", "zl-other"))) {
                assertThat(answer.status()).isEqualTo(401);
                assertThat(answer.json().at("/error/type").asText()).isEqualTo("authentication_error");
            }
        }
    }
}
