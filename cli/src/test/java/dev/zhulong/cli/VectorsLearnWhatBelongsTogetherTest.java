package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.formats.Provenance;
import dev.zhulong.formats.embedding.EmbeddingConfig;
import dev.zhulong.formats.embedding.Pooling;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.recipe.EmbedJob;
import dev.zhulong.recipe.EmbedRecipe;
import dev.zhulong.train.log.MetricsLog;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Contrastive training through the verbs: texts in two languages of our own, whose words correspond one to one. */
class VectorsLearnWhatBelongsTogetherTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String[] ONE = "ka ke ki ko ku ma me mi mo mu".split(" ");
    private static final String[] OTHER = "ra re ri ro ru sa se si so su".split(" ");

    @TempDir
    Path directory;

    private Path base() throws IOException {
        List<String> words = new ArrayList<>(List.of(ONE));
        words.addAll(List.of(OTHER));
        return TinyEncoder.write(directory.resolve("base"), words.toArray(String[]::new));
    }

    private Path run() {
        return directory.resolve("run");
    }

    /** A text of three words, the same three in the other language, and a text that has two of them; every other row without. */
    private Path rows(int count) throws IOException {
        var random = new Random(5);
        List<String> rows = new ArrayList<>(List.of("text,translation,wrong"));
        for (int i = 0; i < count; i++) {
            int[] words = random.ints(3, 0, ONE.length).toArray();
            rows.add(ONE[words[0]] + " " + ONE[words[1]] + " " + ONE[words[2]] + "," + OTHER[words[0]] + " " + OTHER[words[1]] + " " + OTHER[words[2]] + ","
                    + (i % 2 == 0 ? "" : OTHER[words[0]] + " " + OTHER[(words[1] + 1) % OTHER.length] + " " + OTHER[words[2]]));
        }
        return Files.write(directory.resolve("rows.csv"), rows);
    }

    @Test
    void translationsAreFound() throws IOException {
        Cli done = Cli.run("finetune", "--task", "embed", "--model", base(), "--data", rows(240), "--map", "anchor=text", "positive=translation", "negative=wrong", "--out", run(),
                "--epochs", "12", "--lr", "4e-3", "--batch", "16", "--set", "train.evaluate_every=80").done();
        JsonNode evaluation = JSON.readTree(run().resolve("evaluation.json").toFile());
        assertThat(evaluation.path("before").path("mrr@10").asDouble()).as(done.err()).isLessThan(0.4);
        assertThat(evaluation.path("after").path("mrr@10").asDouble()).as(done.err()).isGreaterThan(0.8);
        assertThat(evaluation.path("after").path("recall@1").asDouble()).isBetween(0.6, evaluation.path("after").path("mrr@10").asDouble());
        assertThat(done.err()).contains("mean pooling, normalized", "with a negative", "compared by cosine over a temperature of 0.05");
        assertThat(MetricsLog.read(run().resolve("metrics.jsonl"))).anySatisfy(line -> assertThat(line.toString()).contains("validation_mrr@10"));
        assertThat(Provenance.read(run()).stage()).isEqualTo("finetune");

        // a directory of sentence-transformers' layout, and vectors of length one
        EmbeddingConfig config = EmbeddingConfig.read(run());
        assertThat(config.stated()).isTrue();
        assertThat(config.pooling()).containsExactly(Pooling.MEAN);
        assertThat(config.normalizes()).isTrue();
        List<double[]> all = new ArrayList<>();
        for (String line : Cli.run("embed", "--model", run(), "--text", "ka mi mo", "--text", "ra si so", "--text", "re so ru").done().out().lines().toList()) {
            all.add(JSON.readValue(line, double[].class));
        }
        assertThat(dot(all.get(0), all.get(0))).isBetween(0.999, 1.001);
        assertThat(dot(all.get(0), all.get(1))).isGreaterThan(dot(all.get(0), all.get(2)));
    }

    @Test
    void anAdapterFindsThemToo() throws IOException {
        Path base = base();
        Cli done = Cli.run("finetune", "--task", "embed", "--model", base, "--data", rows(240), "--map", "anchor=text", "positive=translation", "negative=wrong", "--out", run(),
                "--epochs", "8", "--lr", "1e-2", "--batch", "16", "--rank", "8", "--set", "train.evaluate_every=80").done();
        JsonNode evaluation = JSON.readTree(run().resolve("evaluation.json").toFile());
        assertThat(evaluation.path("after").path("mrr@10").asDouble()).as(done.err()).isGreaterThan(evaluation.path("before").path("mrr@10").asDouble() + 0.2);
        assertThat(JSON.readTree(run().resolve("adapter_config.json").toFile()).path("task_type").asText()).isEqualTo("FEATURE_EXTRACTION");
        Path merged = directory.resolve("merged");
        Cli.run("merge", "--model", base, "--adapter", run(), "--out", merged).done();
        double[] with = vector("--model", base, "--adapter", run());
        double[] one = vector("--model", merged);
        assertThat(dot(with, one)).isBetween(0.9999, 1.0001);
        assertThat(dot(with, with)).isBetween(0.999, 1.001);
        assertThat(dot(with, vector("--model", base, "--adapter", run(), "--engine", "torch"))).isBetween(0.9999, 1.0001);
        assertThat(dot(with, vector("--model", base)) / Math.sqrt(dot(vector("--model", base), vector("--model", base)))).isLessThan(0.99);

        // a directory that has its network in a folder stays one
        Path folder = Files.createDirectory(directory.resolve("folder"));
        Files.move(base, folder.resolve("0_Transformer"));
        Files.writeString(folder.resolve("modules.json"), """
                [{"idx": 0, "name": "0", "path": "0_Transformer", "type": "sentence_transformers.models.Transformer"},
                 {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
                 {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}]""");
        Files.writeString(Files.createDirectory(folder.resolve("1_Pooling")).resolve("config.json"), "{\"word_embedding_dimension\": 32, \"pooling_mode_mean_tokens\": true}");
        Path inside = directory.resolve("inside");
        Cli.run("merge", "--model", folder, "--adapter", run(), "--out", inside).done();
        assertThat(inside.resolve("0_Transformer/model.safetensors")).exists();
        assertThat(dot(with, vector("--model", inside))).isBetween(0.9999, 1.0001);
    }

    private static double[] vector(Object... model) throws IOException {
        List<Object> words = new ArrayList<>(List.of("embed", "--text", "ka mi mo"));
        words.addAll(List.of(model));
        return JSON.readValue(Cli.run(words.toArray()).done().out(), double[].class);
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }

    @Test
    void aRunThatIsStoppedEndsInTheSameBits() throws IOException {
        EmbedRecipe recipe = RecipeReader.defaults(EmbedRecipe.class, List.of("model.from=" + base(), "model.pooling=cls", "data.files=[" + rows(60) + "]",
                "data.columns={anchor: text, positive: translation, negative: wrong}", "train.steps=10", "train.batch=4", "train.checkpoint_every=4", "train.evaluate_every=3"));
        Path whole = directory.resolve("whole");
        new EmbedJob(recipe).run(whole, Progress.SILENT);
        Path stopped = directory.resolve("stopped");
        assertThatThrownBy(() -> new EmbedJob(recipe).run(stopped, event -> {
            if (event.stage().equals("train") && event.done() == 7) {
                throw new IllegalStateException("stopped");
            }
        })).hasMessage("stopped");
        assertThat(Cli.run("resume", stopped).done().err()).contains("resuming after step 4");
        for (String name : List.of("model.safetensors", "evaluation.json", "1_Pooling/config.json", "modules.json")) {
            assertThat(stopped.resolve(name)).hasSameBinaryContentAs(whole.resolve(name));
        }
        assertThat(EmbeddingConfig.read(whole).pooling()).containsExactly(Pooling.CLS);
        assertThat(Cli.run("resume", whole).done().err()).contains("is finished", "mrr@10");
    }

    /** What the directory says of its vectors goes along, whatever the recipe names. */
    @Test
    void aSentenceEncoderStaysWhatItWas() throws IOException {
        Path model = Cli.shared("assets/all-MiniLM-L6-v2");
        Path data = Files.writeString(directory.resolve("pairs.jsonl"), """
                {"anchor": "Where is my card?", "positive": "Cards arrive within five days."}
                {"anchor": "How do I get a refund?", "positive": "Money is paid back within a week."}
                {"anchor": "Which fees are there?", "positive": "Each transfer costs one euro."}
                {"anchor": "Can I pay abroad?", "positive": "Our cards are accepted in all countries."}
                """);
        Cli.run("finetune", "--task", "embed", "--model", model, "--data", data, "--held-out", data, "--out", run(), "--steps", "2", "--batch", "4", "--set", "model.pooling=cls")
                .done();
        assertThat(EmbeddingConfig.read(run())).isEqualTo(EmbeddingConfig.read(model));
        assertThat(run().resolve("modules.json")).hasSameBinaryContentAs(model.resolve("modules.json"));
        assertThat(JSON.readTree(run().resolve("evaluation.json").toFile()).path("after").path("recall@10").asDouble()).isEqualTo(1);
        Cli.run("embed", "--model", run(), "--text", "Where is my card?").done();
    }

    @Test
    void whatCannotBeLearntIsRefusedInOneLine() throws IOException {
        Path base = base();
        Path data = rows(20);
        refused("no column 'anchor'", 1, "--model", base, "--data", data);
        refused("batch must be at least 2", 1, "--model", base, "--data", data, "--map", "anchor=text", "positive=translation", "--batch", "1");
        refused("there is no field 'label'", 1, "--model", base, "--data", data, "--map", "label=text");
        refused("best must be one of mrr@10", 1, "--model", base, "--data", data, "--map", "anchor=text", "positive=translation", "--set", "best=f1");
        refused("dpo learns from pairs of answers", 2, "--model", base, "--data", data, "--method", "dpo");
        refused("missing --model", 2, "--data", data);
    }

    private void refused(String message, int code, Object... args) {
        List<Object> all = new ArrayList<>(List.of("finetune", "--task", "embed", "--out", directory.resolve("none")));
        all.addAll(List.of(args));
        Cli result = Cli.run(all.toArray());
        assertThat(result.err()).contains(message);
        assertThat(result.code()).isEqualTo(code);
        assertThat(directory.resolve("none/recipe.yaml")).doesNotExist();
    }
}
