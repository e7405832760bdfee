package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.formats.GenerationConfig;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.guard.AuditLog;
import dev.zhulong.infer.SchedulerOptions;
import dev.zhulong.infer.TinyEncoderDecoder;
import dev.zhulong.infer.cpu.CpuEncoderDecoder;
import dev.zhulong.infer.cpu.CpuOptions;
import dev.zhulong.infer.search.BeamScheduler;
import dev.zhulong.infer.search.Continuations;
import dev.zhulong.infer.search.Rewriter;
import dev.zhulong.infer.search.SearchOptions;
import dev.zhulong.serve.TestServer.Answer;
import dev.zhulong.text.BpeTrainer;
import dev.zhulong.text.TokenizerJson;
import dev.zhulong.text.encode.EncoderTokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A server of an encoder–decoder: what it writes is what the search finds, and what does not apply is refused in one line. */
@Timeout(180)
class AnEncoderDecoderAnswersWithOtherTextsTest {
    private static final List<String> TEXTS = List.of("a", "Where is my card?", "one two three four five six seven", "The lamp was lit in the harbour by the keeper.");
    private static final int MOST = 20;

    @TempDir
    static Path directory;
    private static CpuEncoderDecoder model;
    private static EncoderTokenizer tokenizer;
    private static SearchOptions options;
    private static ServedModel served;
    private static TestServer server;

    @BeforeAll
    static void start() throws IOException {
        Path files = Files.createDirectory(directory.resolve("model"));
        TinyEncoderDecoder.write("mbart", 3, files);
        var trainer = new BpeTrainer(261, List.of("<pad>", "</s>", "__en__", "__zh__", ">>zh<<"));
        trainer.addAll(TEXTS.stream());
        TokenizerJson.write(files, trainer.train(), new TokenizerJson.Settings(null, "</s>", "<pad>", false, true, TinyEncoderDecoder.CONTEXT));
        try (ModelDirectory opened = ModelDirectory.open(files)) {
            model = CpuEncoderDecoder.load(opened, Optional.empty(), CpuOptions.of(1));
        }
        tokenizer = EncoderTokenizer.load(files);
        options = SearchOptions.read(files, model.network().ids(), model.network().longest(), model.network().vocabSize()).withBeams(3).withNewTokens(MOST);
        Path rules = Files.writeString(directory.resolve("rules.yaml"), "name: t\nrules:\n  - {id: stop, words: [volcano], action: block, with: No volcanoes.}\n");
        served = new ServedModel("tiny", new Sources(model, tokenizer, options), "cpu f32", GenerationConfig.of(-1, List.of()), "test", new SchedulerOptions(4, 64, 20_000, 64, false),
                new BeamScheduler.Room(64, 20_000, 64));
        server = new TestServer(served, ServerOptions.local(0).withGuard(new Guard(List.of(rules.toString()), AuditLog.NONE)));
    }

    @AfterAll
    static void stop() {
        server.close();
        served.close();
        assertThat(model.pagesUsed()).isZero();
        tokenizer.close();
        model.close();
    }

    private static List<String> found(SearchOptions search, List<String> texts) {
        return new Rewriter(Continuations.of(model), tokenizer, OptionalInt.empty(), search).write(texts);
    }

    private static String quoted(String text) {
        return "\"" + text + "\"";
    }

    private static String input(List<String> texts) {
        return texts.stream().map(AnEncoderDecoderAnswersWithOtherTextsTest::quoted).toList().toString();
    }

    private static List<String> texts(JsonNode nodes) {
        List<String> all = new ArrayList<>();
        nodes.forEach(node -> all.add(node.get("text").textValue()));
        return all;
    }

    @Test
    void translationsAreThoseOfTheSearch() {
        JsonNode answer = server.post("/v1/translate", "{\"input\": " + input(TEXTS) + "}").json();
        assertThat(texts(answer.get("data"))).isEqualTo(found(options, TEXTS));
        assertThat(answer.get("object").textValue()).isEqualTo("list");
        assertThat(answer.get("usage").get("completion_tokens").intValue()).isPositive();
        assertThat(answer.get("usage").get("prompt_tokens").intValue()).isEqualTo(TEXTS.stream().mapToInt(text -> tokenizer.encode(text, 100).length()).sum());
        JsonNode one = server.post("/v1/translate", "{\"input\": \"" + TEXTS.get(1) + "\", \"num_beams\": 1, \"max_tokens\": 5}").json();
        assertThat(texts(one.get("data"))).isEqualTo(found(options.withBeams(1).withNewTokens(5), TEXTS.subList(1, 2)));
        assertThat(one.get("data").get(0).get("finish_reason").textValue()).isEqualTo("length");
    }

    @Test
    void completionsAreTheLikeliestTokensWhoeverIsBeside() {
        List<String> expected = found(options.forSequence(MOST), TEXTS);
        List<CompletableFuture<JsonNode>> all = new ArrayList<>();
        for (String text : TEXTS) {
            all.add(CompletableFuture.supplyAsync(() -> server.post("/v1/completions", "{\"prompt\": \"" + text + "\"}").json()));
        }
        for (int i = 0; i < TEXTS.size(); i++) {
            JsonNode answer = all.get(i).join();
            assertThat(answer.get("choices").get(0).get("text").textValue().strip()).isEqualTo(expected.get(i));
            assertThat(answer.get("usage").get("prompt_tokens").intValue()).isEqualTo(tokenizer.encode(TEXTS.get(i), 100).length());
        }
        JsonNode together = server.post("/v1/completions", "{\"prompt\": " + input(TEXTS) + "}").json();
        assertThat(texts(together.get("choices")).stream().map(String::strip).toList()).isEqualTo(expected);
    }

    /** The context is each side's own: a source that fills it leaves the decoder all of its. */
    @Test
    void aLongSourceTakesNothingFromWhatIsWritten() {
        String text = "zq".repeat(60);
        assertThat(tokenizer.encode(text, 1000).length()).isGreaterThan(100);
        JsonNode answer = server.post("/v1/completions", "{\"prompt\": \"" + text + "\", \"max_tokens\": 100, \"ignore_eos\": true}").json();
        assertThat(answer.get("usage").get("completion_tokens").intValue()).isEqualTo(100);
    }

    @Test
    void aStreamTellsTheSameText() {
        StringBuilder text = new StringBuilder();
        Answer answer = server.post("/v1/completions", "{\"prompt\": \"" + TEXTS.get(2) + "\", \"stream\": true}");
        for (String line : answer.body().split("\n")) {
            if (line.startsWith("data: {")) {
                text.append(Json.body(line.substring(6).getBytes(StandardCharsets.UTF_8)).get("choices").get(0).get("text").textValue());
            }
        }
        assertThat(answer.body()).endsWith("data: [DONE]\n\n");
        assertThat(text.toString().strip()).isEqualTo(found(options.forSequence(MOST), TEXTS.subList(2, 3)).getFirst());
    }

    /** The first token written is the target's, which changes what follows. */
    @Test
    void aLanguageIsWrittenFirst() {
        SearchOptions chinese = options.withForcedBos(tokenizer.tokenizer().id("__zh__").getAsInt());
        for (String name : List.of("__zh__", "zh")) {
            JsonNode answer = server.post("/v1/translate", "{\"input\": " + input(TEXTS) + ", \"target_lang\": \"" + name + "\"}").json();
            assertThat(texts(answer.get("data"))).isEqualTo(found(chinese, TEXTS)).isNotEqualTo(found(options, TEXTS));
        }
        JsonNode written = server.post("/v1/completions", "{\"prompt\": \"a\", \"target_lang\": \"zh\"}").json();
        assertThat(written.get("choices").get(0).get("text").textValue().strip()).isEqualTo(found(chinese.forSequence(MOST), List.of("a")).getFirst());
    }

    /** Marian reads it in front of the text. */
    @Test
    void aLanguageMayBeReadFirst() {
        List<String> tagged = TEXTS.stream().map(text -> ">>zh<< " + text).toList();
        JsonNode answer = server.post("/v1/translate", "{\"input\": " + input(TEXTS) + ", \"target_lang\": \">>zh<<\"}").json();
        assertThat(texts(answer.get("data"))).isEqualTo(found(options, tagged)).isNotEqualTo(found(options, TEXTS));
        JsonNode written = server.post("/v1/completions", "{\"prompt\": \"a\", \"target_lang\": \">>zh<<\"}").json();
        assertThat(written.get("choices").get(0).get("text").textValue().strip()).isEqualTo(found(options.forSequence(MOST), List.of(">>zh<< a")).getFirst());
        refused("/v1/translate", "{\"input\": \"a\", \"target_lang\": \">>fra<<\"}", "target_lang", ">>fra<<");
    }

    /** As transformers ends it; that it was cut is said all the same. */
    @Test
    void anEndThatIsForcedTakesTheLastPlace() throws IOException {
        Path files = Files.createDirectory(directory.resolve("forced"));
        Files.writeString(files.resolve("generation_config.json"), "{\"decoder_start_token_id\": 0, \"eos_token_id\": 1, \"pad_token_id\": 0, \"forced_eos_token_id\": 1}");
        SearchOptions forced = SearchOptions.read(files, model.network().ids(), model.network().longest(), model.network().vocabSize());
        try (var other = new ServedModel("forced", new Sources(model, tokenizer, forced), "cpu f32", GenerationConfig.of(-1, List.of()), "test", new SchedulerOptions(4, 64, 20_000, 64, false),
                new BeamScheduler.Room(64, 20_000, 64));
                var own = new TestServer(other, ServerOptions.local(0))) {
            int cut = 0;
            for (String text : TEXTS) {
                JsonNode choice = own.post("/v1/completions", "{\"prompt\": \"" + text + "\", \"max_tokens\": 4}").json().get("choices").get(0);
                assertThat(choice.get("text").textValue().strip()).isEqualTo(found(forced.withNewTokens(4), List.of(text)).getFirst());
                cut += choice.get("finish_reason").textValue().equals("length") ? 1 : 0;
            }
            assertThat(cut).isPositive();
            JsonNode free = own.post("/v1/completions", "{\"prompt\": \"" + TEXTS.getFirst() + "\", \"max_tokens\": 4, \"ignore_eos\": true}").json();
            assertThat(free.get("usage").get("completion_tokens").intValue()).isEqualTo(4);
        }
    }

    @Test
    void drawingRepeatsWithItsSeed() {
        String body = "{\"prompt\": \"a\", \"temperature\": 5, \"seed\": 4, \"n\": 3}";
        List<String> first = texts(server.post("/v1/completions", body).json().get("choices"));
        assertThat(texts(server.post("/v1/completions", body).json().get("choices"))).isEqualTo(first);
        assertThat(first).doesNotHaveDuplicates();
    }

    private static void refused(String path, String body, String... words) {
        Answer answer = server.post(path, body);
        assertThat(answer.status()).as(answer.body()).isEqualTo(400);
        assertThat(answer.error()).contains(words).doesNotContain("\n");
    }

    @Test
    void whatDoesNotApplyIsRefusedInOneLine() {
        refused("/v1/chat/completions", "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]}", "'tiny' is an encoder–decoder (MBART)", "POST /v1/translate");
        refused("/v1/embeddings", "{\"input\": \"a\"}", "encoder–decoder");
        refused("/v1/rerank", "{\"query\": \"a\", \"documents\": [\"b\"]}", "encoder–decoder");
        refused("/v1/completions", "{\"prompt\": \"a\", \"echo\": true}", "echo");
        refused("/v1/completions", "{\"prompt\": \"a\", \"suffix\": \"b\"}", "suffix");
        refused("/v1/completions", "{\"prompt\": \"a\", \"num_beams\": 2}", "num_beams", "/v1/translate");
        refused("/v1/translate", "{\"text\": \"a\"}", "input is missing");
        refused("/v1/translate", "{\"input\": \"a\", \"num_beams\": 0}", "num_beams must be a whole number from 1 to 32");
        refused("/v1/translate", "{\"input\": \"a\", \"early_stopping\": \"soon\"}", "early_stopping must be true, false or");
        refused("/v1/translate", "{\"input\": \"a\", \"target_lang\": \"card\"}", "target_lang", "has no token card");
        refused("/v1/translate", "{\"input\": \"a\", \"source_lang\": \"en\"}", "input cannot be read", "leave the source's language out");
        refused("/v1/translate", "{\"input\": \"" + "a ".repeat(200) + "\"}", "input has", "more than the");
        refused("/v1/translate", "{\"input\": \"a volcano\"}", "No volcanoes.");
    }

    @Test
    void itIsListedAndDescribed() {
        JsonNode about = server.get("/v1/models").json().get("data").get(0);
        assertThat(about.get("task").textValue()).isEqualTo("translate");
        assertThat(about.get("num_beams").intValue()).isEqualTo(3);
        JsonNode paths = server.get("/openapi").json().get("paths");
        List<String> named = new ArrayList<>();
        paths.fieldNames().forEachRemaining(named::add);
        assertThat(named).contains("/v1/translate", "/v1/completions", "/tokenize").doesNotContain("/v1/chat/completions");
        assertThat(server.post("/tokenize", "{\"text\": \"a\", \"add_special\": true}").json().get("count").intValue()).isEqualTo(2);
    }
}
