package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.infer.SchedulerOptions;
import dev.zhulong.serve.TestServer.Answer;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ResponsesAreToldByTheirItemsTest {
    private static final String PATH = "/v1/responses";
    private static final String TOOLS = ",'tools':[{'type':'function','name':'add','parameters':{'type':'object','properties':{'a':{'type':'boolean'}},'required':['a'],"
            + "'additionalProperties':false}}]";
    private static TestServer server;

    @BeforeAll
    static void start() {
        server = TestServer.of(prompt -> prompt.endsWith("call") ? "I call.<tool_call>{\"name\":\"add\",\"arguments\":{\"a\":true}}</tool_call>" : prompt);
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static Answer ask(String input, String more) {
        return server.post(PATH, "{'input':" + input + ",'temperature':0" + more + "}");
    }

    @Test
    void aStreamNumbersItsEventsAndComesToTheWholeAnswer() {
        Answer answer = ask("'call'", ",'stream':true" + TOOLS);
        assertThat(answer.body()).startsWith("event: response.created\ndata: {").doesNotContain("[DONE]");
        List<JsonNode> events = answer.events();
        assertThat(events.stream().map(event -> event.get("sequence_number").asInt())).isEqualTo(IntStream.range(0, events.size()).boxed().toList());
        assertThat(events.stream().map(event -> event.get("type").asText().replace("response.", "") + event.path("output_index").asText("")).distinct()).containsExactly("created",
                "in_progress", "output_item.added0", "content_part.added0", "output_text.delta0", "output_text.done0", "content_part.done0", "output_item.done0", "output_item.added1",
                "function_call_arguments.delta1", "function_call_arguments.done1", "output_item.done1", "completed");
        JsonNode whole = ask("'call'", TOOLS).json();
        JsonNode streamed = events.getLast().get("response");
        assertThat(streamed.get("output").toString().replaceAll("(msg|fc|call)_[0-9a-f]+", "")).isEqualTo(whole.get("output").toString().replaceAll("(msg|fc|call)_[0-9a-f]+", ""));
        assertThat(server.get(PATH + "/" + streamed.get("id").asText()).json()).isEqualTo(streamed);
    }

    @Test
    void instructionsAreNotInheritedAndCallsAre() {
        String id = ask("'call'", ",'instructions':'Be brief.'" + TOOLS).json().get("id").asText();
        JsonNode next = ask("[{'type':'function_call_output','call_id':'c','output':'3'}]", ",'previous_response_id':'" + id + "'" + TOOLS).json();
        assertThat(next.at("/output/0/content/0/text").asText()).isEqualTo("[add]<user>call<assistant>I call.(add {\"a\": true})<tool>3");
    }

    @Test
    void logProbabilitiesComeWhereTheyAreAskedFor() {
        JsonNode part = ask("'hi'", ",'include':['message.output_text.logprobs'],'top_logprobs':2").json().at("/output/0/content/0");
        assertThat(part.get("logprobs")).hasSize(part.get("text").asText().length());
        assertThat(part.at("/logprobs/0/top_logprobs")).hasSize(2);
    }

    @Test
    void whatOneTenantAskedIsNotThereForAnotherAndNotWhereItIsNotToBeKept(@TempDir Path directory) throws Exception {
        Path file = directory.resolve("keys.json");
        String[] mine = {"Authorization", "Bearer " + ApiKeys.add(file, "a", null, null)};
        String[] others = {"Authorization", "Bearer " + ApiKeys.add(file, "b", null, null)};
        try (var locked = new TestServer(new ScriptedModel(4096, prompt -> "ok"), new SchedulerOptions(8, 64, 100_000, 64, true), ServerOptions.local(0).withKeys(ApiKeys.read(file)))) {
            String id = locked.post(PATH, "{'input':'hi'}", mine).json().get("id").asText();
            String next = "{'input':'hi','previous_response_id':'" + id + "'}";
            assertThat(locked.post(PATH, next, others).error()).contains("previous_response_not_found");
            assertThat(locked.get(PATH + "/" + id, others).status()).isEqualTo(404);
            var delete = HttpRequest.newBuilder(URI.create(locked.url() + PATH + "/" + id)).headers(others).DELETE().build();
            assertThat(locked.client.send(delete, HttpResponse.BodyHandlers.ofString()).statusCode()).isEqualTo(404);
            assertThat(locked.post(PATH, next, mine).status()).isEqualTo(200);
            String dropped = locked.post(PATH, "{'input':'hi','store':false}", mine).json().get("id").asText();
            assertThat(locked.get(PATH + "/" + dropped, mine).status()).isEqualTo(404);
        }
    }

    @Test
    void theOldestAreForgottenWhenThereIsNoRoom() {
        var kept = new KeptResponses(1000);
        for (int i = 0; i < 100; i++) {
            kept.put("r" + i, new KeptResponses.Kept("", Json.object().putArray("m"), Json.object().put("text", "x".repeat(80))));
            assertThat(kept.get("", "r0")).as("asked for last").isNotNull();
        }
        assertThat(IntStream.range(0, 100).filter(i -> kept.get("", "r" + i) != null).boxed()).hasSize(1000 / (2 + 80 + "{'text':''}".length())).contains(0, 99);
        kept.put("large", new KeptResponses.Kept("", Json.object().putArray("m"), Json.object().put("text", "x".repeat(2000))));
        assertThat(kept.get("", "large")).isNull();
        assertThat(kept.get("", "r99")).isNotNull();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "{} | input is missing",
        "{'input':[]} | input must not be empty",
        "{'input':'x','background':true} | background is not supported",
        "{'input':'x','conversation':'c'} | conversation is not supported",
        "{'input':'x','tools':[{'type':'web_search'}]} | tools[0].type is \"web_search\"",
        "{'input':[{'type':'item_reference','id':'m'}]} | input[0].type is \"item_reference\"",
        "{'input':[{'role':'user','content':[{'type':'input_image'}]}]} | input[0].content[0].type is \"input_image\": this model reads text alone",
        "{'input':[{'type':'function_call','call_id':'c','name':'f','arguments':'{'}]} | input[0].arguments must be a JSON object",
        "{'input':'x','max_output_tokens':0} | max_output_tokens must be",
        "{'input':'x','previous_response_id':'resp_0'} | there is no response 'resp_0'"})
    void whatIsNotKeptIsRefusedByName(String body, String message) {
        Answer answer = server.post(PATH, body);
        assertThat(answer.status()).as(answer.body()).isEqualTo(400);
        assertThat(answer.error()).contains(message);
    }
}
