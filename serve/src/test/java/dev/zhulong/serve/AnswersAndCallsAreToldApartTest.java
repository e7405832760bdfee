package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AnswersAndCallsAreToldApartTest {
    private static final String TOOLS = "'tools':[{'type':'function','function':{'name':'search','parameters':{'type':'object','properties':{'q':{'type':'string'}}}}}]";

    @ParameterizedTest
    @ValueSource(strings = {"{\"name\": \"search\", \"kind\": \"person\"}", "{\"name\":\"search\"}", "[{\"name\":\"search\"}]",
        "[{\"name\":\"search\",\"arguments\":{}},{\"name\":\"search\"}]", "{\"name\":\"search\",\"arguments\":[1]}", "{\"name\":\"other\",\"arguments\":{}}",
        "{\"type\":\"function\",\"name\":\"search\"}", "{\"name\":\"search\",\"description\":\"finds\",\"parameters\":{\"type\":\"object\"}}"})
    void anObjectWithoutArgumentsIsAnAnswer(String text) {
        var calls = new ToolCalls(Set.of("search"), false);
        assertThat(calls.push(text) + calls.finish()).isEqualTo(text);
        assertThat(calls.take()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {"{\"name\":\"search\",\"arguments\":{}} | {}", "{\"name\":\"search\",\"parameters\":{\"q\":1}} | {\"q\":1}",
        "[{\"name\":\"search\",\"arguments\":\"{}\"}] | {}", "{\"name\":\"search\",\"arguments\":null} | {}",
        "{\"type\":\"function\",\"name\":\"search\",\"parameters\":{},\"id\":\"c1\"} | {}", "<tool_call>{\"name\":\"search\"}</tool_call> | {}"})
    void anObjectWithArgumentsIsACall(String text, String arguments) {
        var calls = new ToolCalls(Set.of("search"), false);
        assertThat(calls.push(text) + calls.finish()).isEmpty();
        assertThat(calls.take()).containsExactly(new ToolCalls.Call("search", arguments));
    }

    @ParameterizedTest
    @ValueSource(strings = {"{'name':'search','kind':'person'}", "{'name':'search','arguments':{}}", "[{'name':'search','parameters':{'q':'x'}}]",
        "{'text':'<tool_call>{\\'name\\':\\'search\\',\\'arguments\\':{}}</tool_call>'}"})
    void whatTheResponseFormatAskedForIsAnAnswer(String value) {
        String schema = value.replace('\'', '"').replace("\\\"", "\\\\\\\"").replace("\\\\\\\"", "\\\"");
        try (TestServer server = TestServer.of(prompt -> "ok")) {
            for (String stream : List.of("false", "true")) {
                var answer = server.raw("/v1/chat/completions", ("{'messages':[{'role':'user','content':'x'}],'max_tokens':300,'temperature':0,'stream':STREAM,TOOLS,"
                        + "'response_format':{'type':'json_schema','json_schema':{'name':'x','schema':{'const':SCHEMA}}}}").replace("TOOLS", TOOLS).replace("STREAM", stream)
                        .replace('\'', '"').replace("SCHEMA", schema).getBytes(StandardCharsets.UTF_8));
                assertThat(answer.status()).as(answer.body()).isEqualTo(200);
                String text = stream.equals("false") ? answer.json().at("/choices/0/message/content").asText()
                        : answer.events().stream().map(event -> event.at("/choices/0/delta/content").asText("")).collect(Collectors.joining());
                assertThat(TestServer.parsed(text)).isEqualTo(TestServer.parsed(schema));
                assertThat(answer.body()).doesNotContain("tool_calls").contains("\"finish_reason\":\"stop\"");
            }
        }
    }

    @Test
    void aForcedCallNamesItsFunctionFirst() {
        var schema = ToolChoice.read(Fields.of(Json.body(("{'tool_choice':'required'," + TOOLS + "}").replace('\'', '"').getBytes(StandardCharsets.UTF_8)))).schema();
        JsonNode properties = TestServer.parsed(schema).at("/anyOf/0/properties");
        assertThat(properties.fieldNames()).toIterable().containsExactly("name", "arguments");
    }
}
