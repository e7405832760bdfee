package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.serve.TestServer.Answer;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** No answer is held to less than was asked for: a schema is enforced, or the request is refused and says what is not. */
class ASchemaIsEnforcedOrRefusedByNameTest {
    private static final String CHAT = "/v1/chat/completions";
    private static TestServer server;

    @BeforeAll
    static void start() {
        server = TestServer.of(prompt -> "ok");
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static void refused(Answer answer, String... words) {
        assertThat(answer.status()).as(answer.body()).isEqualTo(400);
        assertThat(answer.error()).contains(words);
    }

    private static String ask(String more) {
        return "{'messages':[{'role':'user','content':'x'}],'max_tokens':60,'temperature':0," + more + "}";
    }

    private static String tool(String parameters, String strict) {
        return "{'type':'function','function':{'name':'f'" + strict + ",'parameters':" + parameters + "}}";
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "'strict':true,", "'strict':false,", "'strict':null,"})
    void strictOrNot(String strict) {
        String format = "'response_format':{'type':'json_schema','json_schema':{'name':'x'," + strict
                + "'schema':{'type':'object','properties':{'a':{'type':'array','items':{'type':'integer'},'uniqueItems':true}}}}}";
        for (Answer answer : List.of(server.post(CHAT, ask(format)), server.post("/v1/completions", "{'prompt':'x'," + format + "}"))) {
            refused(answer, "uniqueItems", "#/properties/a", "invalid_schema");
            assertThat(answer.json().at("/error/param").asText()).isEqualTo("response_format.json_schema.schema");
        }
        assertThat(server.post(CHAT, ask(format.replace(",'uniqueItems':true", ",'x-order':1"))).status()).isEqualTo(200);
    }

    @ParameterizedTest
    @ValueSource(strings = {"'required'", "{'type':'function','function':{'name':'f'}}"})
    void theArgumentsOfACallThatMustBeMadeAsWell(String choice) {
        String bad = "{'type':'object','properties':{'a':{'unevaluatedItems':false}}}";
        for (String strict : List.of("", ",'strict':true", ",'strict':false")) {
            Answer answer = server.post(CHAT, ask("'tool_choice':" + choice + ",'tools':[" + tool("{'type':'object'}", "").replace("'f'", "'g'") + "," + tool(bad, strict) + "]"));
            refused(answer, "keyword unevaluatedItems", "#/properties/a:", "invalid_schema");
            assertThat(answer.json().at("/error/param").asText()).isEqualTo("tools[1].function.parameters");
        }
    }

    @Test
    void aCallThatMayBeMadeIsHeldToNothing() {
        assertThat(server.post(CHAT, ask("'tools':[" + tool("{'type':'object','unevaluatedProperties':false}", "") + "]")).status()).isEqualTo(200);
    }

    @Test
    void propertiesMayBeCalledAsKeywordsAreAndStillReferToTheirOwnRoot() {
        for (String name : List.of("default", "const", "enum", "examples", "properties")) {
            Answer answer = server.post(CHAT, ask("'max_completion_tokens':400,'logit_bias':{'32':-100,'10':-100,'13':-100,'9':-100},'tool_choice':'required','tools':["
                    + tool("{'type':'object','properties':{'" + name + "':{'$ref':'#/$defs/n'}},'required':['" + name + "'],'additionalProperties':false,'$defs':{'n':{'const':7}}}", "") + "]")
                    .replace("'max_tokens':60,", ""));
            assertThat(answer.status()).as(answer.body()).isEqualTo(200);
            assertThat(answer.json().at("/choices/0/message/tool_calls/0/function/arguments").asText()).as(answer.body()).isEqualTo("{\"" + name + "\":7}");
        }
    }

    @Test
    void argumentsAreAnObject() {
        refused(server.post(CHAT, ask("'tool_choice':'required','tools':[" + tool("{'type':'string'}", "") + "]")), "no JSON value is valid");
    }

    @Test
    void jsonModeTakesASchemaToo() {
        String format = "'response_format':{'type':'json_object','schema':{'const':{'a':5}}}";
        JsonNode json = server.post(CHAT, ask(format)).json();
        assertThat(json.at("/choices/0/message/content").asText()).isEqualTo("{\"a\":5}");
        refused(server.post(CHAT, ask(format.replace("'const'", "'unevaluatedItems'"))), "unevaluatedItems");
    }

    @Test
    void alternativesThatMultiplyAreTheRequestsError() {
        String schema = "{'$ref':'#/$defs/n','$defs':{'n':{'anyOf':[{'type':'object','properties':{'c':{'$ref':'#/$defs/n'},'d':{'type':'integer'}}},"
                + "{'type':'object','properties':{'c':{'$ref':'#/$defs/n'},'e':{'type':'integer'}}}]}}}";
        try (TestServer deep = TestServer.of(prompt -> "{\"c\":".repeat(30))) {
            String body = ask("'response_format':{'type':'json_schema','json_schema':{'name':'x','schema':" + schema + "}}").replace("'max_tokens':60", "'max_tokens':300");
            refused(deep.post(CHAT, body), "invalid_schema", "alternatives of the schema");
            assertThat(deep.post(CHAT, body.replace("'max_tokens'", "'stream':true,'max_tokens'")).events().getLast().at("/error/code").asText()).isEqualTo("invalid_schema");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs", "grammar", "json_schema", "functions", "function_call", "min_tokens"})
    void otherWaysToAskForAFormAreNotPassedOver(String field) {
        refused(server.post(CHAT, ask("'" + field + "':{}")), field + " is not supported");
        refused(server.post("/v1/completions", "{'prompt':'x','" + field + "':'x'}"), field + " is not supported");
    }
}
