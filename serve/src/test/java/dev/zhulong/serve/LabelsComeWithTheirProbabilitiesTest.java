package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.EncoderSpec.Problem;
import dev.zhulong.infer.Encoder.Input;
import dev.zhulong.serve.TestServer.Answer;
import dev.zhulong.text.encode.EncodedText;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code /v1/classify} for each head, against probabilities that are computed here from the logits. */
class LabelsComeWithTheirProbabilitiesTest {
    private static final String CLASSIFY = "/v1/classify";
    @TempDir
    Path directory;

    private void with(UnaryOperator<EncoderSpec> head, BiConsumer<TestServer, TinyBert> test) throws IOException {
        TinyBert.write(directory, head);
        try (var model = new TinyBert(directory, 64); var other = new TinyBert(directory, 64); var server = new TestServer(model.served, ServerOptions.local(0))) {
            // its network is the scheduler's alone: logits are asked of another of the same files
            test.accept(server, other);
        }
    }

    private static float[] logits(TinyBert model, EncodedText text) {
        return model.network.encode(List.of(Input.of(text.ids(), text.types()))).getFirst().logits();
    }

    private static JsonNode ok(TestServer server, String body) {
        Answer answer = server.post(CLASSIFY, body);
        assertThat(answer.status()).as(answer.body()).isEqualTo(200);
        return answer.json();
    }

    private static void refused(TestServer server, String body, String message) {
        Answer answer = server.post(CLASSIFY, body);
        assertThat(answer.status()).as(answer.body()).isEqualTo(400);
        assertThat(answer.error()).contains(message);
    }

    @Test
    void oneOfSeveralClassesIsRight() throws IOException {
        with(spec -> spec.withClasses(List.of("calm", "urgent", "odd"), Problem.SINGLE_LABEL), (server, model) -> {
            JsonNode answer = ok(server, "{'input':['the lamp was lit',{'text':'who ?','text_pair':'anna smith'}]}");
            assertThat(answer.get("task").textValue()).isEqualTo("classify");
            assertThat(answer.get("model").textValue()).isEqualTo("tiny");
            EncodedText pair = model.tokenizer.encode("who ?", "anna smith", 48);
            EncodedText single = model.tokenizer.encode("the lamp was lit", 48);
            assertThat(answer.at("/usage/prompt_tokens").intValue()).isEqualTo(pair.length() + single.length());
            int index = 0;
            for (EncodedText each : List.of(single, pair)) {
                float[] logits = logits(model, each);
                double sum = Math.exp(logits[0]) + Math.exp(logits[1]) + Math.exp(logits[2]);
                JsonNode entry = answer.get("data").get(index);
                assertThat(entry.get("index").intValue()).isEqualTo(index++);
                double last = 1;
                for (JsonNode label : entry.get("labels")) {
                    double expected = Math.exp(logits[List.of("calm", "urgent", "odd").indexOf(label.get("label").textValue())]) / sum;
                    assertThat(label.get("probability").doubleValue()).isCloseTo(expected, within(1e-9)).isLessThanOrEqualTo(last);
                    last = label.get("probability").doubleValue();
                }
                assertThat(entry.get("labels")).hasSize(3);
                assertThat(entry.get("label")).isEqualTo(entry.at("/labels/0/label"));
                assertThat(entry.get("probability")).isEqualTo(entry.at("/labels/0/probability"));
            }
            assertThat(ok(server, "{'input':'lit','top_k':1}").at("/data/0/labels")).hasSize(1);
            assertThat(ok(server, "{'input':{'text':'lit'}}").get("data")).isEqualTo(ok(server, "{'input':'lit'}").get("data"));
            String longer = "the lamp ".repeat(40);
            assertThat(ok(server, "{'input':'" + longer + "'}").at("/data/0/truncated").booleanValue()).isTrue();
            assertThat(ok(server, "{'input':'lit'}").at("/data/0").has("truncated")).isFalse();
            refused(server, "{'input':['lit','" + longer + "'],'truncate':false}", "input[1] has 82 tokens, more than the 48");
            refused(server, "{'input':[{'text':'a','question':'b'}]}", "input[0] must be a string or an object with");
            refused(server, "{'input':[1,2]}", "must be a string");
            refused(server, "{'input':{'text_pair':'a'}}", "input.text is missing");
            refused(server, "{'input':'a','top_k':0}", "top_k must be");
            refused(server, "{'input':'a','null_answer':true}", "null_answer is for questions");
            refused(server, "{'input':[]}", "input must not be empty");
            refused(server, "{}", "input is missing");
        });
    }

    @Test
    void anyNumberOfClassesIsRight() throws IOException {
        with(spec -> spec.withClasses(List.of("a", "b"), Problem.MULTI_LABEL), (server, model) -> {
            float[] logits = logits(model, model.tokenizer.encode("the lamp", 48));
            JsonNode entry = ok(server, "{'input':'the lamp'}").at("/data/0");
            assertThat(entry.has("label")).isFalse();
            for (JsonNode label : entry.get("labels")) {
                double x = logits[List.of("a", "b").indexOf(label.get("label").textValue())];
                assertThat(label.get("probability").doubleValue()).isCloseTo(1 / (1 + Math.exp(-x)), within(1e-9));
            }
        });
    }

    @Test
    void numbersAreToldAsTheyAre() throws IOException {
        with(spec -> spec.withClasses(List.of("likeness"), Problem.REGRESSION), (server, model) -> {
            float[] logits = logits(model, model.tokenizer.encode("the lamp", "the harbour", 48));
            JsonNode entry = ok(server, "{'input':{'text':'the lamp','text_pair':'the harbour'}}").at("/data/0");
            assertThat(Float.parseFloat(entry.at("/values/0/value").asText())).isEqualTo(logits[0]);
            assertThat(entry.has("labels")).isFalse();
        });
    }

    @Test
    void wordsHaveTagsAndTagsSpellEntities() throws IOException {
        List<String> labels = List.of("O", "B-PER", "I-PER");
        with(spec -> spec.withTags(labels), (server, model) -> {
            // the face takes two UTF-16 units and is one character
            String text = "\uD83D\uDE00 Anna Smiths, keepers lit the lamp in Berlin.";
            JsonNode entry = ok(server, "{'input':'" + text + "'}").at("/data/0");
            EncodedText tokens = model.tokenizer.encode(text, 48);
            float[] logits = logits(model, tokens);
            int[] points = text.codePoints().toArray();
            int at = 0;
            for (int i = 1; i + 1 < tokens.length(); i++) {
                if (tokens.words()[i] == tokens.words()[i - 1]) {
                    continue;
                }
                JsonNode word = entry.get("tokens").get(at++);
                int best = 0;
                double sum = 0;
                for (int label = 0; label < 3; label++) {
                    best = logits[3 * i + label] > logits[3 * i + best] ? label : best;
                    sum += Math.exp(logits[3 * i + label]);
                }
                assertThat(word.get("label").textValue()).isEqualTo(labels.get(best));
                assertThat(word.get("probability").doubleValue()).isCloseTo(Math.exp(logits[3 * i + best]) / sum, within(1e-9));
                int start = word.get("start").intValue();
                assertThat(new String(points, start, word.get("end").intValue() - start)).isEqualTo(word.get("text").textValue());
            }
            assertThat(entry.get("tokens")).hasSize(at).extracting(word -> word.get("text").textValue()).contains("Anna", "Smiths", ",", "Berlin", ".");
            for (JsonNode entity : entry.get("entities")) {
                assertThat(entity.get("type").textValue()).isEqualTo("PER");
                int start = entity.get("start").intValue();
                assertThat(new String(points, start, entity.get("end").intValue() - start)).isEqualTo(entity.get("text").textValue());
                JsonNode first = null;
                for (JsonNode word : entry.get("tokens")) {
                    first = word.get("start").intValue() == start ? word : first;
                }
                assertThat(first.get("label").textValue()).isEqualTo("B-PER");
            }
            long begun = 0;
            for (JsonNode word : entry.get("tokens")) {
                begun += word.get("label").textValue().equals("B-PER") ? 1 : 0;
            }
            assertThat(entry.get("entities")).hasSize((int) begun);
            assertThat(ok(server, "{'input':''}").at("/data/0/tokens")).isEmpty();
            refused(server, "{'input':'a','top_k':2}", "top_k is for heads over classes");
            refused(server, "{'input':{'text':'a','text_pair':'b'}}", "input must be");
        });
    }

    @Test
    void anAnswerStandsInItsContext() throws IOException {
        with(EncoderSpec::withSpans, (server, model) -> {
            String context = "the lamp was lit in berlin by anna smith , keepers ".repeat(6).strip();
            JsonNode answer = ok(server, "{'input':[{'question':'who lit the lamp ?','context':'" + context + "'},{'question':'who ?','context':'anna'}]}");
            assertThat(answer.get("task").textValue()).isEqualTo("qa");
            for (int i = 0; i < 2; i++) {
                JsonNode entry = answer.get("data").get(i);
                String from = i == 0 ? context : "anna";
                assertThat(from.substring(entry.get("start").intValue(), entry.get("end").intValue())).isEqualTo(entry.get("answer").textValue());
                assertThat(entry.get("probability").doubleValue()).isBetween(0.0, 1.0);
                assertThat(entry.get("score").isNumber() && entry.get("null_score").isNumber()).isTrue();
            }
            // an answer is never better than one to the word can be, and none at all is chosen where the threshold says so
            assertThat(ok(server, "{'input':{'question':'who ?','context':'anna'},'null_answer':true,'null_threshold':-1000}").at("/data/0/answer").textValue()).isEmpty();
            refused(server, "{'input':'who ?'}", "input must be an object with \"question\" and \"context\"");
            refused(server, "{'input':{'question':'" + "who ? ".repeat(40) + "','context':'anna'}}", "input cannot be read");
            refused(server, "{'input':{'question':'who ?'}}", "input.context is missing");
        });
    }

    @Test
    void withoutAHeadOverLabelsThereAreNone() throws IOException {
        with(EncoderSpec::withMaskedTokens, (server, _) -> refused(server, "{'input':'a'}", "'tiny' is a BERT encoder without a head over labels: it answers POST /v1/embeddings"));
        try (var server = TestServer.of(_ -> "x")) {
            refused(server, "{'input':'a'}", "is a language model and has no head over labels");
        }
    }
}
