package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Problem;
import dev.zhulong.guard.AuditLog;
import dev.zhulong.infer.Encoder;
import dev.zhulong.infer.Encoder.Input;
import dev.zhulong.serve.TestServer.Answer;
import dev.zhulong.text.encode.EncodedText;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code /v1/rerank}, against scores that are computed here from the logits. */
class DocumentsComeInTheOrderOfTheirRelevanceTest {
    private static final String RERANK = "/v1/rerank";
    private static final List<String> DOCUMENTS = List.of("the lamp was lit", "lit", "the harbour keeper", "", "lit", "anna smith in berlin");
    private static final String ASKED = "{'query':'who ?','documents':['the lamp was lit','lit',{'text':'the harbour keeper','title':'x'},'','lit','anna smith in berlin']";

    @TempDir
    Path directory;

    private Path write() throws IOException {
        return TinyBert.write(directory, spec -> spec.withClasses(List.of("LABEL_0"), Problem.REGRESSION));
    }

    private static JsonNode ok(Answer answer) {
        assertThat(answer.status()).as(answer.body()).isEqualTo(200);
        return answer.json();
    }

    private static double[] logits(TinyBert model) {
        return DOCUMENTS.stream().mapToDouble(document -> {
            EncodedText pair = model.tokenizer.encode("who ?", document, TinyBert.CONTEXT);
            return model.network.encode(List.of(Input.of(pair.ids(), pair.types()))).getFirst().logits()[0];
        }).toArray();
    }

    @Test
    void theMostRelevantFirstAndEqualOnesAsTheyCame() throws IOException {
        write();
        try (var model = new TinyBert(directory, 64); var other = new TinyBert(directory, 64); var server = new TestServer(model.served, ServerOptions.local(0))) {
            double[] logits = logits(other);
            List<Integer> order = new ArrayList<>(List.of(0, 1, 2, 3, 4, 5));
            order.sort(Comparator.comparingDouble(i -> -logits[i]));
            JsonNode answer = ok(server.post(RERANK, ASKED + "}"));
            assertThat(answer.get("id").textValue()).startsWith("rerank-");
            assertThat(answer.get("model").textValue()).isEqualTo("tiny");
            int tokens = DOCUMENTS.stream().mapToInt(each -> other.tokenizer.encode("who ?", each, TinyBert.CONTEXT).length()).sum();
            assertThat(answer.at("/usage/total_tokens").intValue()).isEqualTo(tokens);
            JsonNode results = answer.get("results");
            assertThat(results).hasSize(6);
            for (int place = 0; place < 6; place++) {
                int index = results.get(place).get("index").intValue();
                assertThat(index).isEqualTo(order.get(place));
                assertThat(results.get(place).get("relevance_score").doubleValue()).isCloseTo(1 / (1 + Math.exp(-logits[index])), within(1e-9));
                assertThat(results.get(place).at("/document/text").textValue()).isEqualTo(DOCUMENTS.get(index));
                assertThat(results.get(place).has("truncated")).isFalse();
            }
            assertThat(order.indexOf(4)).isEqualTo(order.indexOf(1) + 1);
            for (String path : List.of("/rerank", "/v2/rerank")) {
                assertThat(ok(server.post(path, ASKED + "}")).get("results")).isEqualTo(results);
            }
            JsonNode two = ok(server.post(RERANK, ASKED + ",'top_n':2,'return_documents':false,'model':'tiny'}")).get("results");
            assertThat(two).hasSize(2);
            assertThat(two.get(1).has("document")).isFalse();
            assertThat(two.get(1).get("relevance_score")).isEqualTo(results.get(1).get("relevance_score"));
            assertThat(ok(server.post(RERANK, ASKED + ",'top_n':99}")).get("results")).isEqualTo(results);
        }
    }

    @Test
    void whereTheModelsFilesAskForItTheScoreIsTheLogit() throws IOException {
        write();
        Path config = directory.resolve("config.json");
        Files.writeString(config, Files.readString(config).replaceFirst("\\{", "{\"sentence_transformers\": {\"activation_fn\": \"torch.nn.modules.linear.Identity\"},"));
        try (var model = new TinyBert(directory, 64); var other = new TinyBert(directory, 64); var server = new TestServer(model.served, ServerOptions.local(0))) {
            double[] logits = logits(other);
            for (JsonNode result : ok(server.post(RERANK, ASKED + "}")).get("results")) {
                assertThat(result.get("relevance_score").doubleValue()).isEqualTo(logits[result.get("index").intValue()]);
            }
            JsonNode about = server.get("/v1/models/tiny").json();
            assertThat(about.get("score").textValue()).isEqualTo("identity");
        }
    }

    @Test
    void whatIsTooLongIsCutOrRefused() throws IOException {
        write();
        String longer = "the lamp ".repeat(40);
        try (var model = new TinyBert(directory, 64); var server = new TestServer(model.served, ServerOptions.local(0))) {
            JsonNode results = ok(server.post(RERANK, "{'query':'who ?','documents':['lit','" + longer + "']}")).get("results");
            for (JsonNode result : results) {
                assertThat(result.has("truncated")).isEqualTo(result.get("index").intValue() == 1);
            }
            Answer refused = server.post(RERANK, "{'query':'who ?','documents':['lit','" + longer + "'],'truncate':false}");
            assertThat(refused.status()).isEqualTo(400);
            assertThat(refused.error()).contains("documents[1] has 85 tokens, more than the 48", "context_length_exceeded");
        }
    }

    @Test
    void whatIsWrongIsNamed() throws IOException {
        write();
        try (var model = new TinyBert(directory, 64); var server = new TestServer(model.served, ServerOptions.local(0))) {
            String[][] wrong = {{"{'documents':['a']}", "query is missing"}, {"{'query':3,'documents':['a']}", "query must be a string"}, {"{'query':'a'}", "documents is missing"},
                {"{'query':'a','documents':[]}", "documents must not be empty"}, {"{'query':'a','documents':'b'}", "documents must be an array"},
                {"{'query':'a','documents':[3]}", "documents[0] must be a string or an object with"}, {"{'query':'a','documents':['b',{'title':'c'}]}", "documents[1].text is missing"},
                {"{'query':'a','documents':['b'],'top_n':0}", "top_n must be"}, {"{'query':'a','documents':['b'],'rank_fields':['title']}", "rank_fields may name"},
                {"{'query':'a','documents':['b'],'return_documents':1}", "return_documents must be"},
                {"{'query':'a','documents':[" + "'b',".repeat(2048) + "'b']}", "documents has 2049 elements, more than the 2048"}};
            for (String[] each : wrong) {
                Answer answer = server.post(RERANK, each[0]);
                assertThat(answer.status()).as(each[1]).isEqualTo(400);
                assertThat(answer.error()).contains(each[1]);
            }
            assertThat(server.post(RERANK, "{'query':'a','documents':['b'],'model':'other'}").status()).isEqualTo(404);
        }
    }

    @Test
    void aModelOfOtherOutputsSaysSo() throws IOException {
        TinyBert.write(directory, spec -> spec.withClasses(List.of("calm", "urgent"), Problem.SINGLE_LABEL));
        try (var model = new TinyBert(directory, 64); var server = new TestServer(model.served, ServerOptions.local(0))) {
            Answer answer = server.post(RERANK, ASKED + "}");
            assertThat(answer.status()).isEqualTo(400);
            assertThat(answer.error()).contains("'tiny' is no cross-encoder", "unsupported_model");
            assertThat(server.get("/openapi").json().at("/paths").has(RERANK)).isFalse();
        }
    }

    @Test
    void keysRulesAndMetricsHold() throws IOException {
        write();
        Path keys = directory.resolve("keys.json");
        String key = ApiKeys.add(keys, "clinic", 1000, 100_000);
        Path rules = directory.resolve("rules.yaml");
        Files.writeString(rules, """
                name: t
                rules:
                  - {id: mask, words: [anna], action: mask}
                  - {id: stop, words: [volcano], action: block, with: No volcanoes.}
                """);
        ServerOptions options = ServerOptions.local(0).withKeys(ApiKeys.read(keys)).withGuard(new Guard(List.of(rules.toString()), AuditLog.to(new StringWriter())));
        try (var model = new TinyBert(directory, 64); var server = new TestServer(model.served, options)) {
            assertThat(server.post(RERANK, ASKED + "}").status()).isEqualTo(401);
            for (String body : List.of("{'query':'a volcano','documents':['b']}", "{'query':'a','documents':['b',{'text':'volcano'}]}")) {
                Answer blocked = server.post(RERANK, body, "Authorization", "Bearer " + key);
                assertThat(blocked.status()).isEqualTo(400);
                assertThat(blocked.error()).contains("No volcanoes.", "content_filter");
            }
            assertThat(ok(server.post(RERANK, ASKED + "}", "Authorization", "Bearer " + key)).toString()).contains("smith in berlin").doesNotContain("anna");
            assertThat(server.get("/metrics").body()).contains("route=\"rerank\",status=\"200\"", "route=\"rerank\",status=\"401\"");
            JsonNode paths = server.get("/openapi").json().get("paths");
            assertThat(paths.get(RERANK).get("post").get("operationId").textValue()).isEqualTo("rerank");
            Answer text = server.post("/v1/completions", "{'prompt':'hi'}", "Authorization", "Bearer " + key);
            assertThat(text.error()).contains("it answers POST /v1/embeddings, POST /v1/classify and POST /v1/rerank");
        }
    }

    @Test
    void aScoreThatIsNoNumberIsAnErrorAndRanksNothing() throws IOException {
        write();
        UnaryOperator<Encoder> broken = encoder -> new Encoder() {
            @Override
            public EncoderSpec spec() {
                return encoder.spec();
            }

            @Override
            public List<Output> encode(List<Input> inputs) {
                return inputs.stream().map(_ -> new Output(new float[0], new float[] {Float.NaN})).toList();
            }

            @Override
            public void close() {
                encoder.close();
            }
        };
        try (var model = new TinyBert(directory, 64, broken); var server = new TestServer(model.served, ServerOptions.local(0))) {
            Answer answer = server.post(RERANK, ASKED + "}");
            assertThat(answer.status()).isEqualTo(500);
            assertThat(answer.error()).contains("score of document 0 is NaN", "not_a_number");
        }
    }
}
