package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.core.http.StreamResponse;
import com.openai.errors.BadRequestException;
import com.openai.errors.NotFoundException;
import com.openai.helpers.ChatCompletionAccumulator;
import com.openai.models.FunctionDefinition;
import com.openai.models.FunctionParameters;
import com.openai.models.ResponseFormatJsonSchema;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionChunk;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionFunctionTool;
import com.openai.models.embeddings.EmbeddingCreateParams;
import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.agent.tool.ToolSpecification;
import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.ToolExecutionResultMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ResponseFormat;
import dev.langchain4j.model.chat.request.ResponseFormatType;
import dev.langchain4j.model.chat.request.json.JsonObjectSchema;
import dev.langchain4j.model.chat.request.json.JsonSchema;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.openai.OpenAiChatModel;
import dev.langchain4j.model.openai.OpenAiEmbeddingModel;
import dev.langchain4j.model.openai.OpenAiStreamingChatModel;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.springframework.ai.chat.prompt.Prompt;
import org.springframework.ai.document.MetadataMode;
import org.springframework.ai.openai.OpenAiChatOptions;
import org.springframework.ai.openai.OpenAiEmbeddingOptions;
import org.springframework.ai.openai.api.OpenAiApi;
import org.springframework.ai.tool.function.FunctionToolCallback;

class TheClientsOfOthersWorkUnchangedTest {
    private static final Map<String, Object> SCHEMA = Map.of("type", "object", "properties", Map.of("city", Map.of("type", "string", "enum", List.of("Ulm"))), "required",
            List.of("city"), "additionalProperties", false);
    private static TestServer server;

    @BeforeAll
    static void start() {
        server = TestServer.of(prompt -> prompt.contains("sunny") ? "It is sunny."
                : prompt.contains("weather") ? "<tool_call>{\"name\": \"weather\", \"arguments\": {\"city\": \"Ulm\"}}</tool_call>"
                : prompt.contains("JSON") ? "{\"city\":\"Ulm\"}" : "Hello to you.");
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static OpenAIClient openAi() {
        return OpenAIOkHttpClient.builder().baseUrl(server.url() + "/v1").apiKey("none").maxRetries(0).build();
    }

    private static ChatCompletionCreateParams.Builder ask(String text) {
        return ChatCompletionCreateParams.builder().model("tiny").temperature(0).maxCompletionTokens(100).addUserMessage(text);
    }

    @Test
    void openAisOwnChatsAndStreams() {
        OpenAIClient client = openAi();
        ChatCompletion whole = client.chat().completions().create(ask("hi").n(2).seed(7).build());
        assertThat(whole.choices()).hasSize(2).allSatisfy(choice -> assertThat(choice.message().content()).contains("Hello to you."));
        assertThat(whole.usage().orElseThrow().completionTokens()).isEqualTo(26);
        var accumulator = ChatCompletionAccumulator.create();
        try (StreamResponse<ChatCompletionChunk> stream = client.chat().completions().createStreaming(ask("hi").build())) {
            stream.stream().forEach(accumulator::accumulate);
        }
        assertThat(accumulator.chatCompletion().choices().getFirst().message().content()).contains("Hello to you.");
        client.close();
    }

    @Test
    void openAisOwnCallsToolsAndKeepsToSchemas() {
        OpenAIClient client = openAi();
        FunctionParameters.Builder parameters = FunctionParameters.builder();
        SCHEMA.forEach((name, value) -> parameters.putAdditionalProperty(name, JsonValue.from(value)));
        var tool = ChatCompletionFunctionTool.builder().function(FunctionDefinition.builder().name("weather").parameters(parameters.build()).strict(true).build()).build();
        var message = client.chat().completions().create(ask("weather?").addTool(tool).build()).choices().getFirst().message();
        var call = message.toolCalls().orElseThrow().getFirst().asFunction();
        assertThat(call.function().name()).isEqualTo("weather");
        assertThat(call.function().arguments()).isEqualTo("{\"city\":\"Ulm\"}");
        var schema = ResponseFormatJsonSchema.JsonSchema.Schema.builder();
        SCHEMA.forEach((name, value) -> schema.putAdditionalProperty(name, JsonValue.from(value)));
        var format = ResponseFormatJsonSchema.builder().jsonSchema(ResponseFormatJsonSchema.JsonSchema.builder().name("place").strict(true).schema(schema.build()).build()).build();
        assertThat(client.chat().completions().create(ask("JSON").responseFormat(format).build()).choices().getFirst().message().content()).contains("{\"city\":\"Ulm\"}");
        client.close();
    }

    @Test
    void openAisOwnEmbedsListsAndToldErrors() {
        OpenAIClient client = openAi();
        var embeddings = client.embeddings().create(EmbeddingCreateParams.builder().model("tiny").inputOfArrayOfStrings(List.of("a", "b")).build());
        assertThat(embeddings.data()).hasSize(2).allSatisfy(each -> assertThat(each.embedding()).hasSize(8));
        assertThat(client.models().list().data()).anySatisfy(model -> assertThat(model.id()).isEqualTo("tiny"));
        assertThatThrownBy(() -> client.chat().completions().create(ask("hi").model("other").build())).isInstanceOf(NotFoundException.class).hasMessageContaining("no model 'other'");
        assertThatThrownBy(() -> client.chat().completions().create(ask("hi").temperature(-1).build())).isInstanceOf(BadRequestException.class).hasMessageContaining("temperature");
        client.close();
    }

    @Test
    void langChain4jChatsStreamsAndCallsTools() throws Exception {
        OpenAiChatModel model = OpenAiChatModel.builder().baseUrl(server.url() + "/v1").apiKey("none").modelName("tiny").temperature(0.0).maxRetries(0).build();
        assertThat(model.chat("hi")).isEqualTo("Hello to you.");
        var tool = ToolSpecification.builder().name("weather").parameters(JsonObjectSchema.builder().addStringProperty("city").required("city").build()).build();
        UserMessage question = UserMessage.from("weather?");
        AiMessage asked = model.chat(ChatRequest.builder().messages(question).toolSpecifications(tool).build()).aiMessage();
        ToolExecutionRequest call = asked.toolExecutionRequests().getFirst();
        assertThat(call.arguments()).isEqualTo("{\"city\":\"Ulm\"}");
        ChatResponse told = model.chat(ChatRequest.builder().messages(question, asked, ToolExecutionResultMessage.from(call, "sunny")).toolSpecifications(tool).build());
        assertThat(told.aiMessage().text()).isEqualTo("It is sunny.");
        assertThat(told.tokenUsage().outputTokenCount()).isEqualTo(12);
        var schema = JsonSchema.builder().name("place").rootElement(JsonObjectSchema.builder().addEnumProperty("city", List.of("Ulm")).required("city").additionalProperties(false).build())
                .build();
        var format = ResponseFormat.builder().type(ResponseFormatType.JSON).jsonSchema(schema).build();
        assertThat(model.chat(ChatRequest.builder().messages(UserMessage.from("JSON")).responseFormat(format).build()).aiMessage().text()).isEqualTo("{\"city\":\"Ulm\"}");

        var text = new StringBuilder();
        var done = new CompletableFuture<ChatResponse>();
        OpenAiStreamingChatModel.builder().baseUrl(server.url() + "/v1").apiKey("none").modelName("tiny").temperature(0.0).build().chat("hi", new StreamingChatResponseHandler() {
            @Override
            public void onPartialResponse(String partial) {
                text.append(partial);
            }

            @Override
            public void onCompleteResponse(ChatResponse response) {
                done.complete(response);
            }

            @Override
            public void onError(Throwable error) {
                done.completeExceptionally(error);
            }
        });
        assertThat(done.get(20, TimeUnit.SECONDS).aiMessage().text()).isEqualTo("Hello to you.").isEqualTo(text.toString());
        assertThat(OpenAiEmbeddingModel.builder().baseUrl(server.url() + "/v1").apiKey("none").modelName("tiny").build().embed("a").content().vector()).hasSize(8);
        assertThatThrownBy(() -> OpenAiChatModel.builder().baseUrl(server.url() + "/v1").apiKey("none").modelName("other").maxRetries(0).build().chat("hi"))
                .hasMessageContaining("no model 'other'");
    }

    /** Where the tool's input goes. */
    record City(String city) {}

    @Test
    void springAiChatsStreamsAndCallsTools() {
        OpenAiApi api = OpenAiApi.builder().baseUrl(server.url()).apiKey("none").build();
        var model = org.springframework.ai.openai.OpenAiChatModel.builder().openAiApi(api).defaultOptions(OpenAiChatOptions.builder().model("tiny").temperature(0.0).build()).build();
        assertThat(model.call("hi")).isEqualTo("Hello to you.");
        assertThat(model.stream(new Prompt("hi")).toStream().map(response -> response.getResult() == null ? "" : response.getResult().getOutput().getText())
                .map(text -> text == null ? "" : text).collect(Collectors.joining())).isEqualTo("Hello to you.");
        var tool = FunctionToolCallback.builder("weather", (City city) -> "sunny in " + city.city).inputType(City.class).description("weather").build();
        var options = OpenAiChatOptions.builder().model("tiny").temperature(0.0).toolCallbacks(tool).build();
        assertThat(model.call(new Prompt("weather?", options)).getResult().getOutput().getText()).isEqualTo("It is sunny.");
        var embedding = new org.springframework.ai.openai.OpenAiEmbeddingModel(api, MetadataMode.NONE, OpenAiEmbeddingOptions.builder().model("tiny").build());
        assertThat(embedding.embed("a")).hasSize(8);
        assertThatThrownBy(() -> model.call(new Prompt("hi", OpenAiChatOptions.builder().model("other").build()))).hasMessageContaining("no model 'other'");
    }
}
