package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.HfConfig;
import dev.zhulong.formats.Provenance;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.infer.Encoder;
import dev.zhulong.infer.open.EngineChoice;
import dev.zhulong.infer.open.OpenEncoder;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.recipe.LabelJob;
import dev.zhulong.recipe.LabelRecipe;
import dev.zhulong.train.log.MetricsLog;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Each task of an encoder's head, from rows to numbers, through the verbs. */
class EncodersLearnLabelledRowsTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String[] WORDS = ("the a good great bad awful film book day was is meal ann bob carl new york paris rome lives in and who where ? . likes").split(" ");
    private static final List<String> NAMES = List.of("ann", "bob", "carl");
    private static final List<String> PLACES = List.of("new york", "paris", "rome");

    @TempDir
    Path directory;

    @Test
    void classesOfTexts() throws IOException {
        var random = new Random(1);
        List<String> rows = new ArrayList<>(List.of("review,stars"));
        for (int i = 0; i < 72; i++) {
            boolean good = random.nextBoolean();
            String word = (good ? List.of("good", "great") : List.of("bad", "awful")).get(random.nextInt(2));
            String thing = List.of("film", "book", "day", "meal").get(random.nextInt(4));
            rows.add((random.nextBoolean() ? "the " + thing + " was " + word + " and a " + List.of("film", "book").get(random.nextInt(2)) + " " + i % 7
                    : "a " + word + " " + thing + " is in " + i % 5) + "," + (good ? "yes" : "no"));
        }
        Path data = Files.write(directory.resolve("reviews.csv"), rows);
        Cli done = finetune("classify", data, "--map", "text=review", "label=stars", "--epochs", "8");
        JsonNode scores = evaluate("classify", data, "--map", "text=review", "label=stars");
        assertThat(scores.path("metrics").path("accuracy").asDouble()).as(done.err()).isGreaterThan(0.97);

        assertThat(((EncoderSpec) HfConfig.network(run().resolve("config.json"))).head().labels()).containsExactly("no", "yes");
        JsonNode config = JSON.readTree(run().resolve("config.json").toFile());
        assertThat(config.path("architectures").path(0).asText()).isEqualTo("BertForSequenceClassification");
        assertThat(config.path("id2label").path("1").asText()).isEqualTo("yes");
        assertThat(config.path("label2id").path("yes").asInt()).isEqualTo(1);
        assertThat(config.path("problem_type").asText()).isEqualTo("single_label_classification");
        assertThat(run().resolve("tokenizer.json")).hasSameBinaryContentAs(directory.resolve("base/tokenizer.json"));
        assertThat(Provenance.read(run()).stage()).isEqualTo("finetune");
        assertThat(MetricsLog.read(run().resolve("metrics.jsonl"))).anySatisfy(line -> assertThat(line.toString()).contains("validation_macro_f1", "validation_accuracy"));
        assertThat(run().resolve("evaluation.json")).exists();

        List<JsonNode> said = predictions();
        assertThat(said).hasSize(72);
        long right = said.stream().filter(row -> row.path("label").asText().equals(row.path("predicted").asText())).count();
        assertThat(scores.path("metrics").path("accuracy").asDouble()).isEqualTo(right / 72.0);
        assertThat(scores.path("metrics").path("macro_f1").asDouble()).isCloseTo((f1(said, "no") + f1(said, "yes")) / 2, within(1e-12));
        said.forEach(row -> assertThat(row.path("probabilities").path("no").asDouble() + row.path("probabilities").path("yes").asDouble()).isCloseTo(1, within(1e-9)));
        assertThat(Cli.run("evaluate", "--model", run(), "--task", "classify", "--data", data, "--map", "text=review", "label=stars").done().out())
                .contains("accuracy", "macro_f1", "precision", "recall", "over 72 texts");
    }

    /** The head comes with the adapter; the base, which has none, stays as it is. */
    @ParameterizedTest
    @ValueSource(strings = {"bert lora", "roberta qlora", "distilbert lora", "modernbert lora", "deberta-v2 lora"})
    void anAdapterAndAHead(String how) throws IOException {
        String[] parts = how.split(" ");
        List<String> rows = new ArrayList<>(List.of("text,label"));
        for (int i = 0; i < 64; i++) {
            rows.add("the " + WORDS[8 + i % 3] + " was " + (i % 2 == 0 ? "good,yes" : "bad,no"));
        }
        Path data = Files.write(directory.resolve("rows.csv"), rows);
        Path base = TinyEncoder.of(directory.resolve("base"), parts[0], WORDS);
        Cli done = Cli.run("finetune", "--task", "classify", "--model", base, "--data", data, "--out", run(), "--method", parts[1], "--rank", "4", "--lr", "1e-2", "--batch", "8",
                "--epochs", "5", "--set", "model.quantize=int8").done();
        assertThat(done.err()).contains("an adapter of rank 4 on ", "and the head", "--adapter " + run());
        assertThat(run().resolve("model.safetensors")).doesNotExist();
        JsonNode config = JSON.readTree(run().resolve("adapter_config.json").toFile());
        assertThat(config.path("task_type").asText()).isEqualTo("SEQ_CLS");
        assertThat(config.path("modules_to_save").toString()).contains("\"classifier\"");
        Path said = directory.resolve("said.jsonl");
        JsonNode scores = JSON.readTree(Cli.run("evaluate", "--model", base, "--adapter", run(), "--task", "classify", "--data", data, "--json", "--predictions", said).done().out());
        assertThat(scores.path("metrics").path("accuracy").asDouble()).as(done.err()).isGreaterThan(0.97);
        JsonNode row = JSON.readTree(Files.readAllLines(said).getFirst());
        assertThat(row.path("predicted").asText()).isEqualTo("yes");

        Path merged = directory.resolve("merged");
        Cli.run("merge", "--model", base, "--adapter", run(), "--out", merged).done();
        Path again = directory.resolve("again.jsonl");
        Cli.run("evaluate", "--model", merged, "--task", "classify", "--data", data, "--predictions", again).done();
        assertThat(JSON.readTree(Files.readAllLines(again).getFirst()).path("probabilities").path("yes").asDouble()).isCloseTo(row.path("probabilities").path("yes").asDouble(),
                within(1e-5));
        assertThat(((EncoderSpec) HfConfig.network(merged.resolve("config.json"))).head().labels()).containsExactly("no", "yes");
        int yes = 1;
        try (OpenEncoder cpu = OpenEncoder.load(base, Optional.of(run()), EngineChoice.DEFAULT); OpenEncoder torch = OpenEncoder.load(merged, EngineChoice.DEFAULT.withEngine(
                EngineChoice.Engine.TORCH))) {
            Encoder.Input input = Encoder.Input.of(new int[] {2, 7, 9, 3});
            assertThat(cpu.encoder().encode(List.of(input)).getFirst().logits()[yes]).isCloseTo(torch.encoder().encode(List.of(input)).getFirst().logits()[yes], within(1e-4f));
        }
        assertThat(Cli.run("evaluate", "--model", base, "--task", "classify", "--data", data).err()).contains("no head");
    }

    @Test
    void anAdapterThatIsStoppedEndsInTheSameBits() throws IOException {
        List<String> rows = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            rows.add((i % 2 == 0 ? "ann B-PER" : "day O") + "\nlives O\n");
        }
        Path data = Files.write(directory.resolve("rows.conll"), rows);
        LabelRecipe recipe = RecipeReader.defaults(LabelRecipe.class, List.of("task=tags", "method=lora", "adapter.dropout=0.1", "model.from=" + TinyEncoder.write(directory.resolve("base"),
                WORDS), "data.files=[" + data + "]", "train.steps=10", "train.lr=1e-3", "train.batch=4", "train.checkpoint_every=4", "train.evaluate_every=3", "best=loss",
                "data.held_out_fraction=0.3"));
        Path whole = directory.resolve("whole");
        new LabelJob(recipe).run(whole, Progress.SILENT);
        Path stopped = directory.resolve("stopped");
        assertThatThrownBy(() -> new LabelJob(recipe).run(stopped, stopAfter(7))).hasMessage("stopped");
        assertThat(Cli.run("resume", stopped).done().err()).contains("resuming after step 4");
        for (String name : List.of("adapter_model.safetensors", "adapter_config.json", "config.json", "predictions.jsonl", "evaluation.json")) {
            assertThat(stopped.resolve(name)).hasSameBinaryContentAs(whole.resolve(name));
        }
        try (var left = Files.list(stopped)) {
            assertThat(left.map(path -> path.getFileName().toString())).noneMatch(name -> name.startsWith("best"));
        }
    }

    /** Words of opinion that training has not seen. */
    @Test
    void aRealEncoderKnowsWhatItWasNotTold() throws IOException {
        Path model = Cli.shared("assets/all-MiniLM-L6-v2");
        Path data = opinions("train.csv", "good great lovely excellent wonderful", "bad awful poor terrible dreadful");
        Path others = opinions("others.csv", "superb fantastic brilliant", "horrible disappointing useless");
        Cli.run("finetune", "--task", "classify", "--model", model, "--data", data, "--held-out", others, "--out", run(), "--epochs", "3", "--lr", "2e-4", "--batch", "8").done();
        JsonNode scores = JSON.readTree(run().resolve("evaluation.json").toFile());
        assertThat(scores.path("rows").asInt()).isEqualTo(18);
        assertThat(scores.path("metrics").path("accuracy").asDouble()).isGreaterThan(0.9);
        assertThat(run().resolve("modules.json")).doesNotExist();
    }

    private Path opinions(String file, String good, String bad) throws IOException {
        List<String> rows = new ArrayList<>(List.of("text,label"));
        for (String thing : List.of("the film", "this book", "our meal")) {
            for (String word : good.split(" ")) {
                rows.add(thing + " was " + word + ",good");
            }
            for (String word : bad.split(" ")) {
                rows.add(thing + " was " + word + ",bad");
            }
        }
        return Files.write(directory.resolve(file), rows);
    }

    @Test
    void anyNumberOfClasses() throws IOException {
        var random = new Random(2);
        List<String> rows = new ArrayList<>();
        for (int i = 0; i < 96; i++) {
            boolean good = random.nextBoolean();
            boolean film = random.nextBoolean();
            List<String> labels = new ArrayList<>();
            if (good) {
                labels.add("\"good\"");
            }
            if (film) {
                labels.add("\"film\"");
            }
            rows.add("{\"text\": \"the " + (film ? "film" : "book") + " was " + (good ? "good" : "bad") + " " + i % 9 + "\", \"label\": " + labels + "}");
        }
        Path data = Files.write(directory.resolve("rows.jsonl"), rows);
        finetune("classify", data, "--multi", "--epochs", "12");
        JsonNode scores = evaluate("classify", data, "--multi");
        assertThat(scores.path("metrics").path("accuracy").asDouble()).isGreaterThan(0.97);
        List<JsonNode> said = predictions();
        long right = said.stream().filter(row -> set(row.path("labels")).equals(set(row.path("predicted")))).count();
        assertThat(scores.path("metrics").path("accuracy").asDouble()).isEqualTo(right / 96.0);
        assertThat(Cli.run("evaluate", "--model", run(), "--task", "classify", "--data", data).err()).contains("a list of labels");
    }

    @Test
    void tagsOfWords() throws IOException {
        var random = new Random(3);
        var text = new StringBuilder();
        for (int i = 0; i < 72; i++) {
            String name = NAMES.get(random.nextInt(3));
            String place = PLACES.get(random.nextInt(3));
            List<String> words = new ArrayList<>(List.of((random.nextBoolean() ? "the day " : "") + name + " lives in " + place + (random.nextBoolean() ? " ." : " and likes a "
                    + List.of("film", "book").get(i % 2))));
            for (String word : words.getFirst().split(" ")) {
                String tag = NAMES.contains(word) ? "B-PER" : word.equals("york") ? "I-LOC" : word.equals("new") || PLACES.contains(word) ? "B-LOC" : "O";
                text.append(word).append(' ').append(tag).append('\n');
            }
            text.append('\n');
        }
        Path data = Files.writeString(directory.resolve("train.conll"), text.toString());
        Cli done = finetune("tags", data, "--epochs", "9");
        JsonNode scores = evaluate("tags", data);
        assertThat(scores.path("metrics").path("entity_f1").asDouble()).as(done.err()).isGreaterThan(0.97);
        assertThat(scores.path("classes").path("LOC").path("support").asInt()).isEqualTo(72);
        List<JsonNode> said = predictions();
        int found = 0;
        int wanted = 0;
        int hits = 0;
        for (JsonNode row : said) {
            Set<String> a = entities(row.path("predicted"));
            Set<String> b = entities(row.path("tags"));
            found += a.size();
            wanted += b.size();
            a.retainAll(b);
            hits += a.size();
        }
        assertThat(scores.path("metrics").path("entity_f1").asDouble()).isCloseTo(2.0 * hits / (found + wanted), within(1e-12));
        assertThat(Cli.run("evaluate", "--model", run(), "--task", "tags", "--data", data).done().out()).contains("entity_f1", "PER", "LOC");
    }

    /** Characters are words; entities by their places are those the tags spell. */
    @Test
    void entitiesByTheirPlaces() throws IOException {
        var random = new Random(5);
        List<String> rows = new ArrayList<>();
        Set<String> wanted = new HashSet<>();
        for (int i = 0; i < 96; i++) {
            String name = List.of("ab", "cd", "abc").get(random.nextInt(3));
            String place = List.of("xy", "z").get(random.nextInt(2));
            String text = "m".repeat(1 + random.nextInt(3)) + name + " m" + place;
            int from = text.indexOf(name);
            int at = text.indexOf(place);
            rows.add("{\"text\": \"%s\", \"label\": {\"name\": {\"%s\": [[%d, %d]]}, \"address\": {\"%s\": [[%d, %d]]}}}".formatted(text, name, from,
                    from + name.length() - 1, place, at, at + place.length() - 1));
            wanted.add(i + " name " + from + " " + (from + name.length() - 1));
            wanted.add(i + " address " + (at - 1) + " " + (at + place.length() - 2));
        }
        Path data = Files.write(directory.resolve("train.json"), rows);
        Path base = TinyEncoder.write(directory.resolve("base"), "abcdmxyz".split(""));
        Cli done = Cli.run("finetune", "--task", "tags", "--model", base, "--data", data, "--out", run(), "--lr", "3e-3", "--batch", "8", "--epochs", "8", "--set", "best=loss").done();
        JsonNode scores = evaluate("tags", data);
        assertThat(scores.path("metrics").path("entity_f1").asDouble()).as(done.err()).isGreaterThan(0.9);
        assertThat(scores.path("classes").path("name").path("support").asInt()).isEqualTo(96);
        Set<String> found = new HashSet<>();
        List<JsonNode> said = predictions();
        for (int i = 0; i < said.size(); i++) {
            for (String entity : entities(said.get(i).path("predicted"))) {
                found.add(i + " " + entity);
            }
        }
        double all = found.size() + wanted.size();
        found.retainAll(wanted);
        assertThat(scores.path("metrics").path("entity_f1").asDouble()).isCloseTo(2 * found.size() / all, within(1e-12));
    }

    /** As SQuAD 2's script prints it: all questions, those with an answer, those without. */
    @Test
    void questionsWithoutAnAnswerAreCountedApart() throws IOException {
        List<String> questions = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            questions.add(JSON.writeValueAsString(JSON.createObjectNode().put("question", "who ?").put("context", i % 4 == 0 ? "day was good" : "ann lives in rome")
                    .set("answers", i % 4 == 0 ? JSON.createArrayNode() : JSON.createArrayNode().add(JSON.createObjectNode().put("text", "ann").put("answer_start", 0)))));
        }
        Path data = Files.write(directory.resolve("questions.jsonl"), questions);
        finetune("qa", data, "--epochs", "2");
        JsonNode metrics = evaluate("qa", data).path("metrics");
        double some = 0;
        double none = 0;
        for (JsonNode row : predictions()) {
            boolean empty = row.path("answers").isEmpty();
            boolean right = row.path("predicted").asText().equals(empty ? "" : "ann");
            some += right && !empty ? 1 : 0;
            none += right && empty ? 1 : 0;
        }
        assertThat(metrics.path("has_answer_exact_match").asDouble()).isCloseTo(some / 30, within(1e-12));
        assertThat(metrics.path("no_answer_exact_match").asDouble()).isCloseTo(none / 10, within(1e-12));
        assertThat(metrics.path("exact_match").asDouble()).isCloseTo((some + none) / 40, within(1e-12));
        assertThat(metrics.path("f1").asDouble()).isCloseTo((metrics.path("has_answer_f1").asDouble() * 30 + none) / 40, within(1e-12));
    }

    /** The tokenizer tells question and context apart, the network's table of segments has one row: all tokens are of that, as in transformers. */
    @Test
    void aNetworkOfOneSegmentReadsPairs() throws IOException {
        Path base = TinyEncoder.of(directory.resolve("base"), "roberta", WORDS);
        Path config = base.resolve("config.json");
        try (dev.zhulong.model.Encoder model = dev.zhulong.model.Encoder.random((EncoderSpec) HfConfig.network(Files.writeString(config, Files.readString(config)
                .replaceAll("\"type_vocab_size\" ?: ?2", "\"type_vocab_size\": 1"))), 1)) {
            assertThat(model.spec().segments()).isEqualTo(1);
            NetworkFiles.save(model, base, StorageType.F32);
        }
        List<String> questions = new ArrayList<>();
        for (int i = 0; i < 24; i++) {
            questions.add(JSON.writeValueAsString(JSON.createObjectNode().put("question", "who ?").put("context", "ann lives in rome")
                    .set("answers", JSON.createArrayNode().add(JSON.createObjectNode().put("text", "ann").put("answer_start", 0)))));
        }
        Path data = Files.write(directory.resolve("questions.jsonl"), questions);
        Cli.run("finetune", "--task", "qa", "--model", base, "--data", data, "--out", run(), "--lr", "3e-3", "--batch", "8", "--epochs", "3").done();
        assertThat(evaluate("qa", data).path("metrics").path("exact_match").asDouble()).isEqualTo(1);
    }

    @Test
    void answersInContexts() throws IOException {
        var random = new Random(4);
        var rows = new ArrayList<String>();
        for (int i = 0; i < 240; i++) {
            String name = NAMES.get(random.nextInt(3));
            String place = PLACES.get(random.nextInt(3));
            String context = "the day was good . ".repeat(random.nextInt(3)) + name + " lives in " + place + " . the film was great . ".repeat(random.nextInt(3));
            boolean who = random.nextBoolean();
            String answer = who ? name : place;
            rows.add(JSON.writeValueAsString(JSON.createObjectNode().put("id", "q" + i).put("question", who ? "who ?" : "where ?").put("context", context)
                    .set("answers", JSON.createArrayNode().add(JSON.createObjectNode().put("text", answer).put("answer_start", context.indexOf(answer))))));
        }
        Path data = Files.write(directory.resolve("questions.jsonl"), rows);
        // windows of 24 tokens: some contexts are longer
        Cli done = finetune("qa", data, "--epochs", "12", "--seq", "24", "--set", "data.overlap=8");
        JsonNode scores = evaluate("qa", data, "--seq", "24", "--overlap", "8");
        assertThat(scores.path("metrics").path("exact_match").asDouble()).as(done.err()).isGreaterThan(0.9);
        List<JsonNode> said = predictions();
        long right = said.stream().filter(row -> row.path("predicted").asText().equals(row.path("answers").path(0).asText())).count();
        assertThat(scores.path("metrics").path("exact_match").asDouble()).isEqualTo(right / 240.0);
        assertThat(JSON.readTree(run().resolve("config.json").toFile()).path("architectures").path(0).asText()).isEqualTo("BertForQuestionAnswering");
    }

    @Test
    void aRunThatIsStoppedEndsInTheSameBits() throws IOException {
        List<String> rows = new ArrayList<>(List.of("text,label"));
        for (int i = 0; i < 40; i++) {
            rows.add("the " + WORDS[i % WORDS.length] + " film was " + (i % 2 == 0 ? "good,yes" : "bad,no"));
        }
        Path data = Files.write(directory.resolve("rows.csv"), rows);
        Path base = TinyEncoder.write(directory.resolve("base"), WORDS);
        LabelRecipe recipe = RecipeReader.defaults(LabelRecipe.class, List.of("model.from=" + base, "data.files=[" + data + "]", "train.steps=12", "train.lr=1e-3",
                "train.batch=4", "train.checkpoint_every=4", "train.evaluate_every=3", "data.held_out_fraction=0.3"));
        Path whole = directory.resolve("whole");
        new LabelJob(recipe).run(whole, Progress.SILENT);
        for (int last : new int[] {3, 5, 11}) {
            Path stopped = directory.resolve("stopped" + last);
            assertThatThrownBy(() -> new LabelJob(recipe).run(stopped, stopAfter(last))).hasMessage("stopped");
            assertThat(stopped.resolve("zhulong.json")).doesNotExist();
            Cli resumed = Cli.run("resume", stopped).done();
            assertThat(resumed.err()).contains(last < 4 ? "12 steps" : "resuming after step " + last / 4 * 4);
            for (String name : List.of("model.safetensors", "predictions.jsonl", "evaluation.json")) {
                assertThat(stopped.resolve(name)).hasSameBinaryContentAs(whole.resolve(name));
            }
            try (var left = Files.list(stopped)) {
                assertThat(left.map(path -> path.getFileName().toString())).noneMatch(name -> name.startsWith("best"));
            }
        }
        assertThat(Cli.run("resume", whole).done().err()).contains("is finished", "accuracy");
    }

    private static Progress stopAfter(int step) {
        return event -> {
            if (event.stage().equals("train") && event.done() == step) {
                throw new IllegalStateException("stopped");
            }
        };
    }

    /** Asked of a head that it is not: one line each, and nothing is left behind. */
    @Test
    void whatDoesNotGoTogetherIsRefusedInOneLine() throws IOException {
        Path base = TinyEncoder.write(directory.resolve("base"), WORDS);
        Path data = Files.writeString(directory.resolve("rows.csv"), "text,label\na good film,yes\na bad film,no\nthe great day,yes\n");
        Path others = Files.writeString(directory.resolve("others.csv"), "text,label\na good film,maybe\n");
        Path decoder = TinyModel.write(directory.resolve("decoder"));
        refused("no column 'text'", 1, "--task", "classify", "--model", base, "--data", Files.writeString(directory.resolve("wrong.csv"), "review,stars\nfine,5\n"));
        refused("others.csv#1: label 'maybe' is none of the 2", 1, "--task", "classify", "--model", base, "--data", data, "--held-out", others);
        refused("no field 'prompt'", 1, "--task", "classify", "--model", base, "--data", data, "--map", "prompt=text");
        refused("every row has the label 'maybe'", 1, "--task", "classify", "--model", base, "--data", others);
        refused("holds a decoder (llama)", 1, "--task", "classify", "--model", decoder, "--data", data);
        refused("encoder", 1, "--model", base, "--data", data, "--map", "prompt=text", "completion=label");
        refused("--method", 2, "--task", "classify", "--model", base, "--data", data, "--method", "dpo");
        refused("--layout", 2, "--task", "qa", "--model", base, "--data", data, "--as-chat");
        refused("--multi", 2, "--multi", "--model", decoder, "--data", data);
        refused("best must be one of", 1, "--task", "classify", "--model", base, "--data", data, "--set", "best=entity_f1");
        refused("belong to the task classify", 1, "--task", "tags", "--model", base, "--data", data, "--multi");
        refused("context of 64", 1, "--task", "classify", "--model", base, "--data", data, "--seq", "65");
        refused("--task", 2, Cli.run("evaluate", "--model", base, "--data", data, "--seq", "9"));
        refused("no head", 1, Cli.run("evaluate", "--model", base, "--task", "classify", "--data", data));
        refused("holds a decoder", 1, Cli.run("evaluate", "--model", decoder, "--task", "tags", "--data", data));
    }

    private void refused(String why, int code, Object... words) {
        List<Object> all = new ArrayList<>(List.of("finetune", "--out", run()));
        all.addAll(Arrays.asList(words));
        refused(why, code, Cli.run(all.toArray()));
        assertThat(run().resolve("recipe.yaml")).doesNotExist();
    }

    private static void refused(String why, int code, Cli done) {
        assertThat(done.code()).as(done.err()).isEqualTo(code);
        assertThat(done.err().lines().filter(line -> line.startsWith("zhulong: "))).singleElement().asString().contains(why);
        assertThat(done.err()).doesNotContain("Exception");
    }

    private Path run() {
        return directory.resolve("run");
    }

    private Cli finetune(String task, Path data, Object... more) throws IOException {
        Path base = TinyEncoder.write(directory.resolve("base"), WORDS);
        List<Object> words = new ArrayList<>(List.of("finetune", "--task", task, "--model", base, "--data", data, "--out", run(), "--lr", "3e-3", "--batch", "8"));
        words.addAll(Arrays.asList(more));
        return Cli.run(words.toArray()).done();
    }

    private JsonNode evaluate(String task, Path data, Object... more) throws IOException {
        List<Object> words = new ArrayList<>(List.of("evaluate", "--model", run(), "--task", task, "--data", data, "--json", "--out", directory.resolve("scores.json"),
                "--predictions", directory.resolve("said.jsonl")));
        words.addAll(Arrays.asList(more));
        JsonNode printed = JSON.readTree(Cli.run(words.toArray()).done().out());
        assertThat(JSON.readTree(directory.resolve("scores.json").toFile())).isEqualTo(printed);
        return printed;
    }

    private List<JsonNode> predictions() throws IOException {
        List<JsonNode> rows = new ArrayList<>();
        for (String line : Files.readAllLines(directory.resolve("said.jsonl"))) {
            rows.add(JSON.readTree(line));
        }
        return rows;
    }

    private static double f1(List<JsonNode> said, String label) {
        double hits = said.stream().filter(row -> row.path("label").asText().equals(label) && row.path("predicted").asText().equals(label)).count();
        double all = said.stream().mapToInt(row -> (row.path("label").asText().equals(label) ? 1 : 0) + (row.path("predicted").asText().equals(label) ? 1 : 0)).sum();
        return 2 * hits / all;
    }

    private static Set<String> set(JsonNode list) {
        Set<String> all = new HashSet<>();
        list.forEach(each -> all.add(each.asText()));
        return all;
    }

    /** Strictly: an entity begins with B- and goes on with I- of its type. */
    private static Set<String> entities(JsonNode tags) {
        Set<String> all = new HashSet<>();
        for (int i = 0; i < tags.size(); i++) {
            if (tags.get(i).asText().startsWith("B-")) {
                String type = tags.get(i).asText().substring(2);
                int end = i;
                while (end + 1 < tags.size() && tags.get(end + 1).asText().equals("I-" + type)) {
                    end++;
                }
                all.add(type + " " + i + " " + end);
            }
        }
        return all;
    }
}
