package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.formats.Provenance;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.recipe.RewriteJob;
import dev.zhulong.recipe.RewriteRecipe;
import dev.zhulong.train.log.MetricsLog;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** From pairs of texts to a model that writes one of the other, through the verbs. */
class EncoderDecodersLearnPairsTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String[] WORDS = "zero one two three four five six seven eight nine".split(" ");
    static final List<String> TINY = List.of("model.hidden_size=32", "model.layers=1", "model.heads=2", "model.intermediate_size=64", "model.context_length=32",
            "tokenizer.vocab_size=300", "train.batch=16", "dropout=0");

    @TempDir
    Path directory;

    @ParameterizedTest
    @ValueSource(strings = {"t5", "bart"})
    void otherFamiliesFromNothing(String family) throws IOException {
        Path data = Files.write(directory.resolve("pairs.tsv"), pairs(120));
        List<Object> words = new ArrayList<>(List.of("finetune", "--task", "translate", "--data", data, "--out", run(), "--steps", "40", "--lr", "2e-3",
                "--set", "model.family=" + family, "--set", "train.evaluate_every=1", "--set", "train.evaluate_rows=4", "--set", "best=last"));
        TINY.forEach(field -> words.addAll(List.of("--set", field)));
        Cli done = Cli.run(words.toArray()).done();
        JsonNode scores = JSON.readTree(run().resolve("evaluation.json").toFile());
        assertThat(scores.path("loss").asDouble()).as(done.err()).isLessThan(4.5);
        assertThat(done.err()).containsPattern("step 1: held-out loss [5-9]\\.");
        JsonNode row = JSON.readTree(Files.readAllLines(run().resolve("predictions.jsonl")).getFirst());
        assertThat(Cli.run("translate", "--model", run(), "--text", row.path("source").asText(), "--max-new-tokens", "31").done().out().strip())
                .isEqualTo(row.path("written").asText().replaceAll("\\s*\\R\\s*", " ").strip());
    }

    /** Its embeddings begin small, so that a rate at which Marian learns leaves it at the frequencies of words. */
    @Test
    void bartLearnsAtALowerRate() throws IOException {
        Path data = Files.write(directory.resolve("pairs.tsv"), pairs(400));
        List<Object> words = new ArrayList<>(List.of("finetune", "--task", "translate", "--data", data, "--out", run(), "--steps", "900", "--lr", "1e-3",
                "--set", "model.family=bart", "--set", "train.evaluate_every=0"));
        TINY.forEach(field -> words.addAll(List.of("--set", field)));
        Cli done = Cli.run(words.toArray()).done();
        JsonNode scores = JSON.readTree(run().resolve("evaluation.json").toFile());
        // the words' frequencies alone are 2.0
        assertThat(scores.path("loss").asDouble()).as(done.err()).isLessThan(1.5);
    }

    @Test
    void digitsToWordsFromNothing() throws IOException {
        String family = "marian";
        Path data = Files.write(directory.resolve("pairs.tsv"), pairs(400));
        List<Object> words = new ArrayList<>(List.of("finetune", "--task", "translate", "--data", data, "--out", run(), "--steps", "300", "--lr", "5e-3",
                "--set", "model.family=" + family, "--set", "train.evaluate_every=100"));
        TINY.forEach(field -> words.addAll(List.of("--set", field)));
        Cli done = Cli.run(words.toArray()).done();
        JsonNode scores = JSON.readTree(run().resolve("evaluation.json").toFile());
        assertThat(scores.path("loss").asDouble()).as(done.err()).isLessThan(1.2);
        assertThat(score(scores.path("metrics"), "chrF2")).as(done.err()).isGreaterThan(40).isGreaterThan(score(scores.path("baselines").path("copy of the source"), "chrF2"));
        assertThat(scores.path("baselines").has("word by word")).isTrue();
        List<String> said = Files.readAllLines(run().resolve("predictions.jsonl"));
        assertThat(said).hasSize(scores.path("written").asInt()).isNotEmpty();
        JsonNode row = JSON.readTree(said.getFirst());
        assertThat(Cli.run("translate", "--model", run(), "--text", row.path("source").asText()).done().out().strip()).isEqualTo(row.path("written").asText());
        assertThat(Provenance.read(run()).stage()).isEqualTo("pretrain");
        assertThat(MetricsLog.read(run().resolve("metrics.jsonl"))).anySatisfy(line -> assertThat(line.toString()).contains("validation_loss"));
        assertThat(Cli.run("generate", "--model", run(), "--prompt", "1").err()).contains("zhulong translate");

        // and on from there, with named columns
        List<String> rows = new ArrayList<>(List.of("words,digits"));
        pairs(60).forEach(pair -> rows.add(pair.split("\t")[1] + "," + pair.split("\t")[0]));
        Path more = Files.write(directory.resolve("more.csv"), rows);
        Path on = directory.resolve("on");
        Cli.run("finetune", "--task", "summarize", "--model", run(), "--data", more, "--held-out", more, "--map", "source=digits", "target=words", "--steps", "2", "--out", on).done();
        JsonNode after = JSON.readTree(on.resolve("evaluation.json").toFile());
        assertThat(after.path("loss").asDouble()).isLessThan(1.2);
        assertThat(after.path("pairs").asInt()).isEqualTo(60);
        assertThat(score(after.path("metrics"), "rougeL")).isGreaterThan(0.4);
        assertThat(on.resolve("tokenizer.json")).hasSameBinaryContentAs(run().resolve("tokenizer.json"));
        assertThat(Provenance.read(on).stage()).isEqualTo("finetune");
    }

    @Test
    void aRunThatIsStoppedEndsInTheSameBits() throws IOException {
        Path data = Files.write(directory.resolve("pairs.tsv"), pairs(120));
        List<String> fields = new ArrayList<>(TINY);
        fields.addAll(List.of("model.family=marian", "data.files=[" + data + "]", "train.steps=12", "train.checkpoint_every=4", "train.evaluate_every=3", "train.lr=1e-3"));
        RewriteRecipe recipe = RecipeReader.defaults(RewriteRecipe.class, fields);
        Path whole = directory.resolve("whole");
        new RewriteJob(recipe).run(whole, Progress.SILENT);
        for (int last : new int[] {3, 11}) {
            Path stopped = directory.resolve("stopped" + last);
            assertThatThrownBy(() -> new RewriteJob(recipe).run(stopped, stopAfter(last))).hasMessage("stopped");
            assertThat(stopped.resolve("zhulong.json")).doesNotExist();
            Cli resumed = Cli.run("resume", stopped).done();
            assertThat(resumed.err()).contains(last < 4 ? "12 steps" : "resuming after step " + last / 4 * 4);
            for (String name : List.of("model.safetensors", "tokenizer.json", "predictions.jsonl", "evaluation.json")) {
                assertThat(stopped.resolve(name)).hasSameBinaryContentAs(whole.resolve(name));
            }
        }
        assertThat(Cli.run("resume", whole).done().err()).contains("is finished", "chrF");
    }

    /** What it has learnt is in the adapter alone, on either engine and in a merged model. */
    @ParameterizedTest
    @CsvSource({"t5,lora", "marian,lora", "marian,qlora"})
    void anAdapterTeachesAModelOtherWords(String family, String method) throws IOException {
        List<String> fields = new ArrayList<>(TINY);
        fields.addAll(List.of("model.family=" + family, "data.files=[" + Files.write(directory.resolve("pairs.tsv"), pairs(120)) + "]", "train.steps=60", "train.lr=3e-3", "written=1"));
        Path base = directory.resolve("base");
        new RewriteJob(RecipeReader.defaults(RewriteRecipe.class, fields)).run(base, Progress.SILENT);
        byte[] before = Files.readAllBytes(base.resolve("model.safetensors"));
        Path data = Files.write(directory.resolve("others.tsv"), pairs(120).stream().map(pair -> pair.replaceAll("[a-z]+", "nine")).toList());
        Cli done = Cli.run("finetune", "--task", "translate", "--model", base, "--data", data, "--out", run(), "--method", method, "--rank", "4", "--steps", "60", "--lr", "2e-2",
                "--set", "dropout=0", "--set", "model.quantize=int8", "--set", "train.evaluate_every=20", "--set", "written=3").done();
        assertThat(done.err()).contains("an adapter of rank 4 on ", method.equals("qlora") ? "base in INT8" : "held out", "--adapter " + run());
        assertThat(Files.readAllBytes(base.resolve("model.safetensors"))).isEqualTo(before);
        assertThat(run().resolve("model.safetensors")).doesNotExist();
        JsonNode config = JSON.readTree(run().resolve("adapter_config.json").toFile());
        assertThat(config.path("task_type").asText()).isEqualTo("SEQ_2_SEQ_LM");
        assertThat(config.path("target_modules").toString()).contains(family.equals("t5") ? "EncDecAttention.k" : "encoder_attn.k_proj").doesNotContain("all-linear");
        List<Double> curve = MetricsLog.read(run().resolve("metrics.jsonl")).stream().filter(line -> line.containsKey("validation_loss"))
                .map(line -> ((Number) line.get("validation_loss")).doubleValue()).toList();
        assertThat(curve.getLast()).isLessThan(curve.getFirst());

        List<String> words = new ArrayList<>();
        List<String> written = new ArrayList<>();
        for (String line : Files.readAllLines(run().resolve("predictions.jsonl"))) {
            words.addAll(List.of("--text", JSON.readTree(line).path("source").asText()));
            written.add(JSON.readTree(line).path("written").asText().replaceAll("\\s*\\R\\s*", " ").strip());
        }
        words.addAll(List.of("--max-new-tokens", "31"));
        String plain = translated(words, "--model", base);
        String torch = translated(words, "--model", base, "--adapter", run(), "--engine", "torch");
        assertThat(torch).isNotEqualTo(plain);
        assertThat(translated(words, "--model", base, "--adapter", run())).isEqualTo(torch);
        if (!method.equals("qlora")) {
            assertThat(torch.lines().map(String::strip)).isEqualTo(written);
        }
        Path merged = directory.resolve("merged");
        assertThat(Cli.run("merge", "--model", base, "--adapter", run(), "--out", merged).done().out()).contains("weights changed");
        assertThat(translated(words, "--model", merged)).isEqualTo(torch);
        assertThat(Cli.run("translate", "--model", run(), "--text", "1").err()).contains("this is an adapter");
    }

    private static String translated(List<String> words, Object... model) {
        List<Object> all = new ArrayList<>(List.of("translate"));
        all.addAll(Arrays.asList(model));
        all.addAll(words);
        return Cli.run(all.toArray()).done().out();
    }

    @Test
    void anAdapterThatIsStoppedEndsInTheSameBits() throws IOException {
        List<String> fields = new ArrayList<>(TINY);
        Path data = Files.write(directory.resolve("pairs.tsv"), pairs(120));
        fields.addAll(List.of("model.family=t5", "data.files=[" + data + "]", "train.steps=2", "written=1"));
        Path base = directory.resolve("base");
        new RewriteJob(RecipeReader.defaults(RewriteRecipe.class, fields)).run(base, Progress.SILENT);
        RewriteRecipe recipe = RecipeReader.defaults(RewriteRecipe.class, List.of("model.from=" + base, "method=lora", "adapter.dropout=0.1", "data.files=[" + data + "]", "train.steps=10",
                "train.checkpoint_every=4", "train.evaluate_every=3", "train.lr=1e-2", "written=2"));
        Path whole = directory.resolve("whole");
        new RewriteJob(recipe).run(whole, Progress.SILENT);
        Path stopped = directory.resolve("stopped");
        assertThatThrownBy(() -> new RewriteJob(recipe).run(stopped, stopAfter(7))).hasMessage("stopped");
        assertThat(Cli.run("resume", stopped).done().err()).contains("resuming after step 4");
        for (String name : List.of("adapter_model.safetensors", "adapter_config.json", "predictions.jsonl", "evaluation.json")) {
            assertThat(stopped.resolve(name)).hasSameBinaryContentAs(whole.resolve(name));
        }
    }

    private static Progress stopAfter(int step) {
        return event -> {
            if (event.stage().equals("train") && event.done() == step) {
                throw new IllegalStateException("stopped");
            }
        };
    }

    /** One line each, and nothing is left behind that another try would read. */
    @Test
    void whatCannotBeLearntIsRefusedInOneLine() throws IOException {
        Path data = Files.write(directory.resolve("pairs.tsv"), pairs(20));
        String fresh = "model.family=t5";
        refused("model.family", 1, "--data", data);
        refused("nothing to train on", 2, "--set", fresh);
        refused("no such file", 1, "--data", directory.resolve("none.tsv"), "--set", fresh);
        refused("holds no rows", 1, "--data", Files.writeString(directory.resolve("empty.tsv"), ""), "--set", fresh);
        refused("no column '2'", 1, "--data", Files.writeString(directory.resolve("one.tsv"), "a\nb\n"), "--set", fresh);
        refused("no column 'source'", 1, "--data", Files.writeString(directory.resolve("named.csv"), "en,zh\na,b\n"), "--set", fresh);
        refused("field 'target' is empty", 1, "--data", Files.writeString(directory.resolve("blank.jsonl"), "{\"source\": \"a\", \"target\": \" \"}\n"), "--set", fresh);
        refused("is not text", 1, "--data", Files.writeString(directory.resolve("list.jsonl"), "{\"source\": [\"a\"], \"target\": \"b\"}\n"), "--set", fresh);
        refused("no pair is left", 1, "--data", data, "--set", fresh, "--seq", "2", "--set", "tokenizer.vocab_size=258");
        refused("at least 258", 1, "--data", data, "--set", fresh, "--set", "tokenizer.vocab_size=100");
        refused("context of 16", 1, "--data", data, "--set", "model.family=bart", "--set", "model.context_length=16", "--seq", "17");
        refused("heads", 1, "--data", data, "--set", fresh, "--set", "model.heads=3");
        refused("source and target", 2, "--data", data, "--set", fresh, "--map", "text=1");
        refused("no token eng_Latn", 1, "--data", data, "--set", fresh, "--set", "data.source_language=eng_Latn");
        refused("no encoder–decoder (llama)", 1, "--data", data, "--model", TinyModel.write(directory.resolve("decoder")));
        refused("needs a model that it changes", 1, "--data", data, "--set", fresh, "--method", "lora");
        refused("dpo", 2, "--data", data, "--set", fresh, "--method", "dpo");
    }

    private void refused(String why, int code, Object... words) {
        List<Object> all = new ArrayList<>(List.of("finetune", "--task", "translate", "--out", run()));
        all.addAll(Arrays.asList(words));
        Cli done = Cli.run(all.toArray());
        assertThat(done.code()).as(done.err()).isEqualTo(code);
        assertThat(done.err().lines().filter(line -> line.startsWith("zhulong: "))).singleElement().asString().contains(why);
        assertThat(done.err()).doesNotContain("Exception");
        assertThat(run().resolve("recipe.yaml")).doesNotExist();
    }

    /** Numbers of one to three digits, and their digits in words. */
    private static List<String> pairs(int count) {
        var random = new Random(7);
        List<String> rows = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            var digits = new ArrayList<String>();
            var words = new ArrayList<String>();
            for (int n = 1 + random.nextInt(3); n > 0; n--) {
                int digit = random.nextInt(10);
                digits.add(Integer.toString(digit));
                words.add(WORDS[digit]);
            }
            rows.add(String.join(" ", digits) + "\t" + String.join(" ", words));
        }
        return rows;
    }

    private static double score(JsonNode metrics, String name) {
        for (JsonNode metric : metrics) {
            if (metric.path("name").asText().equals(name)) {
                return metric.path("score").asDouble();
            }
        }
        throw new AssertionError("no " + name + " in " + metrics);
    }

    private Path run() {
        return directory.resolve("run");
    }
}
