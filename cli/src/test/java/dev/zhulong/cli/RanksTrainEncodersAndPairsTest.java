package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.distribute.Collectives;
import dev.zhulong.distribute.Group;
import dev.zhulong.distribute.Rendezvous;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.recipe.EmbedJob;
import dev.zhulong.recipe.EmbedRecipe;
import dev.zhulong.recipe.Job;
import dev.zhulong.recipe.LabelJob;
import dev.zhulong.recipe.LabelRecipe;
import dev.zhulong.recipe.RewriteJob;
import dev.zhulong.recipe.RewriteRecipe;
import dev.zhulong.train.DataParallel;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is fine-tuned for a task ends in the bits of one process too, where ranks have a batch each: weights, evaluation, and what is said of held-out rows. */
class RanksTrainEncodersAndPairsTest {
    private static final byte[] KEY = "a key of these tests".getBytes(StandardCharsets.UTF_8);
    private static final String[] WORDS = {"red", "blue", "round", "flat", "lamp", "stone", "warm", "cold"};

    @TempDir
    Path directory;

    /** Two columns of so many rows, below their names. */
    private Path rows(String first, String second) throws IOException {
        List<String> all = new ArrayList<>(List.of(first + "," + second));
        IntStream.range(0, 40).forEach(i -> all.add(WORDS[i % 8] + " " + WORDS[i * 3 % 8] + " " + WORDS[i / 8] + "," + (i % 8 < 4 ? "red lamp" : "cold stone")));
        return Files.write(directory.resolve("rows.csv"), all);
    }

    private void areOne(Job job, int size, String... files) throws Exception {
        Path alone = directory.resolve("alone");
        job.run(alone, Progress.SILENT);
        Path together = directory.resolve("together");
        try (var threads = Executors.newFixedThreadPool(size); var rendezvous = Rendezvous.open("127.0.0.1", 0, size, 0, KEY, refused -> {})) {
            List<Future<?>> runs = new ArrayList<>();
            for (int i = 0; i < size; i++) {
                var group = new Group(i, size, 0, "127.0.0.1", rendezvous.port(), "127.0.0.1", KEY, Duration.ofSeconds(30));
                runs.add(threads.submit(() -> {
                    try (var ranks = new DataParallel(Collectives.join(group, refused -> {}))) {
                        job.among(ranks).run(together, Progress.SILENT);
                    }
                    return null;
                }));
            }
            for (Future<?> run : runs) {
                run.get(3, TimeUnit.MINUTES);
            }
        }
        for (String file : files) {
            assertThat(together.resolve(file)).hasSameBinaryContentAs(alone.resolve(file));
        }
        try (var left = Files.list(together)) {
            assertThat(left.map(path -> path.getFileName().toString())).noneMatch(name -> name.startsWith("best"));
        }
    }

    @ParameterizedTest
    @CsvSource({"full,2,0,model.safetensors", "full,2,1,model.safetensors", "full,3,2,model.safetensors", "full,2,3,model.safetensors", "lora,3,0,adapter_model.safetensors",
        "lora,2,3,adapter_model.safetensors"})
    void labels(String method, int size, int zero, String weights) throws Exception {
        Path data = rows("text", "label");
        areOne(new LabelJob(RecipeReader.defaults(LabelRecipe.class, List.of("task=classify", "method=" + method, "model.from=" + TinyEncoder.write(directory.resolve("base"), WORDS),
                "data.files=[" + data + "]", "train.steps=6", "train.batch=3", "train.lr=1e-3", "train.accumulation=" + size, "train.checkpoint_every=3",
                "train.evaluate_every=2", "train.zero=" + zero))), size, weights, "evaluation.json", "predictions.jsonl");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 3})
    void vectors(int zero) throws Exception {
        Path data = rows("anchor", "positive");
        areOne(new EmbedJob(RecipeReader.defaults(EmbedRecipe.class, List.of("model.from=" + TinyEncoder.write(directory.resolve("base"), WORDS), "model.pooling=mean",
                "data.files=[" + data + "]", "train.steps=6", "train.batch=4", "train.accumulation=2", "train.checkpoint_every=3",
                "train.evaluate_every=2", "train.zero=" + zero))), 2, "model.safetensors", "evaluation.json");
    }

    /** The tokenizer of a new model is trained by one of them. Layers that are gathered are run again, and what several layers have of the encoder is then added in another order. */
    @ParameterizedTest
    @CsvSource({"marian,0", "marian,2", "marian,3", "t5,0", "t5,1", "t5,3"})
    void pairs(String family, int zero) throws Exception {
        Path data = rows("source", "target");
        List<String> fields = new ArrayList<>(EncoderDecodersLearnPairsTest.TINY);
        fields.addAll(List.of("model.family=" + family, "data.files=[" + data + "]", "train.steps=6", "train.batch=3", "train.accumulation=2", "train.checkpoint_every=3",
                "train.evaluate_every=2", "train.lr=1e-3", "train.zero=" + zero, "train.recompute=" + (zero == 3)));
        areOne(new RewriteJob(RecipeReader.defaults(RewriteRecipe.class, fields)), 2, "model.safetensors", "tokenizer.json", "evaluation.json", "predictions.jsonl");
    }

    @Test
    void byTheVerb() throws IOException {
        Path data = rows("text", "label");
        Path base = TinyEncoder.write(directory.resolve("base"), WORDS);
        Path run = directory.resolve("run");
        Cli done = Cli.run("train-cluster", "--nproc", 2, "finetune", "--task", "classify", "--model", base, "--data", data, "--steps", 4, "--set", "train.accumulation=2", "--set", "train.batch=2",
                "--out", run).done();
        assertThat(done.err()).isEmpty();
        assertThat(run.resolve("evaluation.json")).exists();
    }
}
