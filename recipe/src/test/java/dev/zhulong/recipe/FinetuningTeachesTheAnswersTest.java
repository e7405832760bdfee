package dev.zhulong.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.LoraConfig;
import dev.zhulong.formats.Provenance;
import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.recipe.jobs.Jobs;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FinetuningTeachesTheAnswersTest {
    private static final long PLENTY = 4L << 30;

    @TempDir
    static Path shared;
    @TempDir
    Path temporary;

    private static Path base;

    @BeforeAll
    static void model() throws IOException {
        base = shared.resolve("base");
        TinyRun.run(TinyRun.recipe(TinyRun.texts(shared.resolve("texts"), 20, 1), "train.steps=30"), base);
    }

    private record Result(Optional<FinetuneEvaluation> evaluation, String printed) {}

    private static FinetuneRecipe recipe(String... overrides) {
        var all = new ArrayList<>(List.of("model.from=" + base, "train.steps=40", "train.batch=4", "train.seq=32", "train.lr=3e-2",
                "train.checkpoint_every=10", "adapter.rank=4"));
        all.addAll(List.of(overrides));
        return RecipeReader.defaults(FinetuneRecipe.class, all);
    }

    private static Result run(FinetuneRecipe recipe, Path directory, long memory) {
        var printed = new ByteArrayOutputStream();
        try (var line = ProgressLine.on(new PrintStream(printed, true, StandardCharsets.UTF_8))) {
            FinetuneJob.Result result = new FinetuneJob(recipe).run(directory, line, memory);
            line.message(result.next());
            return new Result(result.evaluation(), printed.toString(StandardCharsets.UTF_8));
        }
    }

    private Path rows(String name, String format, int count) throws IOException {
        return Files.write(temporary.resolve(name), IntStream.range(0, count).mapToObj(i -> format.replace("%d", Integer.toString(i))).toList());
    }

    private Path lamps() throws IOException {
        return rows("lamps.jsonl", "{'prompt': 'lamp %d? ', 'completion': 'it was lit'}".replace('\'', '"'), 40);
    }

    private static String source(Path file) {
        return "data.sources=[{path: \"" + file + "\"}]";
    }

    @ParameterizedTest
    @ValueSource(strings = {"full", "lora", "qlora"})
    void everyMethodLowersTheHeldOutLoss(String method) throws IOException {
        byte[] weights = Files.readAllBytes(base.resolve("model.safetensors"));
        Path run = temporary.resolve("run");
        Result result = run(recipe(source(lamps()), "method=" + method), run, PLENTY);
        FinetuneEvaluation evaluation = result.evaluation().orElseThrow();
        // a frozen head of sixteen dimensions leaves an adapter little room
        assertThat(evaluation.after().loss()).isLessThan((method.equals("full") ? 0.6 : 0.97) * evaluation.before().loss());
        assertThat(result.printed()).contains("trained: ", "estimated peak", "held out, before training: lamps");
        assertThat(base.resolve("model.safetensors")).hasBinaryContent(weights);
        assertThat(run.resolve("tokenizer.json")).hasSameBinaryContentAs(base.resolve("tokenizer.json"));
        assertThat(Provenance.read(run).stage()).isEqualTo("finetune");
        if (method.equals("full")) {
            assertThat(run.resolve("config.json")).exists();
            assertThat(run.resolve(LoraConfig.FILE)).doesNotExist();
        } else {
            assertThat(run.resolve("model.safetensors")).doesNotExist();
            assertThat(LoraConfig.read(run).rank()).isEqualTo(4);
        }
        assertThat(run(recipe(source(lamps()), "method=" + method), run, PLENTY).evaluation()).contains(evaluation);
        assertThat(Jobs.in(run, List.of()) instanceof FinetuneJob).isTrue();
        assertThat(Jobs.in(base, List.of()) instanceof FinetuneJob).isFalse();
    }

    @Test
    void preferencesAreLearnt() throws IOException {
        Path pairs = rows("pairs.jsonl", "{'prompt': 'lamp %d? ', 'chosen': 'it was lit', 'rejected': 'no boats'}".replace('\'', '"'), 30);
        Path run = temporary.resolve("run");
        var evaluation = run(recipe(source(pairs), "method=dpo", "train.lr=1e-2", "train.seq=32", "adapter.rank=8"), run, PLENTY).evaluation();
        assertThat(evaluation).hasValueSatisfying(e -> {
            assertThat(e.before().loss()).isEqualTo(Math.log(2));
            assertThat(e.after().loss()).isLessThan(0.6);
            assertThat(e.after().accuracy()).isEqualTo(1);
        });
    }

    @Test
    void tasksOfAMixtureHaveScoresOfTheirOwnBesideAdaptersOfTheirOwn() throws IOException {
        Path other = rows("boats.jsonl", "{'prompt': 'boats %d? ', 'completion': 'come in'}".replace('\'', '"'), 20);
        Path run = temporary.resolve("run");
        Result result = run(recipe("data.sources=[{path: \"" + lamps() + "\"}, {path: \"" + other + "\"}]", "data.alone=true"), run, PLENTY);
        var sources = result.evaluation().orElseThrow().sources();
        assertThat(sources).extracting(FinetuneEvaluation.Source::name).containsExactly("lamps", "boats");
        assertThat(sources).allSatisfy(source -> {
            assertThat(source.after().loss()).isLessThan(source.before().loss());
            assertThat(source.alone().orElseThrow().loss()).isLessThan(source.before().loss());
        });
        assertThat(result.printed()).contains("alone", "seen of lamps: ");
        assertThat(LoraConfig.read(run.resolve("alone/boats")).rank()).isEqualTo(4);
    }

    @Test
    void aStoppedRunEndsInTheSameBits() throws IOException {
        Path whole = temporary.resolve("whole");
        run(recipe(source(lamps()), "adapter.dropout=0.1", "train.steps=20"), whole, PLENTY);
        Path stopped = temporary.resolve("stopped");
        run(recipe(source(lamps()), "adapter.dropout=0.1", "train.steps=20"), stopped, PLENTY);
        // as if it had been killed after its first checkpoint
        Files.delete(stopped.resolve(Provenance.FILE));
        Files.delete(stopped.resolve(LoraConfig.WEIGHTS));
        try (var checkpoints = Files.list(stopped.resolve("checkpoints"))) {
            Path last = checkpoints.sorted().toList().getLast();
            try (var all = Files.walk(last)) {
                for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(path);
                }
            }
        }
        run(recipe(source(lamps()), "adapter.dropout=0.1", "train.steps=20"), stopped, PLENTY);
        assertThat(stopped.resolve(LoraConfig.WEIGHTS)).hasSameBinaryContentAs(whole.resolve(LoraConfig.WEIGHTS));

        Files.delete(stopped.resolve(Provenance.FILE));
        Files.writeString(temporary.resolve("lamps.jsonl"), "{\"prompt\": \"x\", \"completion\": \"y\"}\n");
        assertThatThrownBy(() -> run(recipe(source(temporary.resolve("lamps.jsonl")), "adapter.dropout=0.1", "train.steps=20"), stopped, PLENTY))
                .hasMessageContaining("lamps.jsonl has changed since this run began");
    }

    @Test
    void whatDoesNotFitIsSaidBeforeWithWhatWould() throws IOException {
        Path data = lamps();
        Path run = temporary.resolve("run");
        assertThatThrownBy(() -> run(recipe(source(data), "method=full", "train.batch=4096"), run, 150_000_000))
                .hasMessageContaining("this needs about").hasMessageContaining("train.batch=1 and train.accumulation=4096");
        assertThat(run.resolve("checkpoints")).doesNotExist();
        assertThat(run(recipe(source(data), "train.steps=1"), run, PLENTY).evaluation()).isPresent();
    }

    @Test
    void wrongInputIsToldInOneLine() throws IOException {
        Path data = lamps();
        Path run = temporary.resolve("run");
        assertThatThrownBy(() -> run(recipe(source(temporary.resolve("none.jsonl"))), run, PLENTY)).hasMessageContaining("no such file");
        assertThatThrownBy(() -> run(recipe(), run, PLENTY)).hasMessageContaining("data.sources");
        assertThatThrownBy(() -> run(recipe(source(data), "train.seq=64"), run, PLENTY)).hasMessageContaining("context of 32");
        assertThatThrownBy(() -> run(recipe(source(data), "method=dpo"), run, PLENTY)).hasMessageContaining("no preference pair");
        assertThatThrownBy(() -> run(recipe(source(data), "method=full", "data.alone=true"), run, PLENTY)).hasMessageContaining("adapters");
        assertThatThrownBy(() -> run(recipe("model.from=" + temporary), run, PLENTY)).hasMessageContaining("config.json");
    }
}
