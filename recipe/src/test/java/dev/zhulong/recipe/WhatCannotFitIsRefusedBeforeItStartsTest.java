package dev.zhulong.recipe;

import dev.zhulong.formats.progress.Progress;
import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.recipe.jobs.Jobs;
import dev.zhulong.recipe.quickstart.Quickstart;
import dev.zhulong.recipe.quickstart.QuickstartOptions;
import dev.zhulong.recipe.tune.Budget;
import dev.zhulong.recipe.tune.Space;
import dev.zhulong.recipe.tune.Tune;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Tensor;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

class WhatCannotFitIsRefusedBeforeItStartsTest {
    private static final long PLENTY = 4L << 30;

    @TempDir
    static Path shared;
    @TempDir
    Path temporary;

    private static Path texts;
    private static Path base;

    @BeforeAll
    static void model() throws IOException {
        texts = TinyRun.texts(shared.resolve("texts"), 12, 1);
        base = shared.resolve("base");
        TinyRun.run(TinyRun.recipe(texts, "train.steps=2", "train.warmup=0"), base);
    }

    private static ProgressLine silent() {
        return ProgressLine.on(new PrintStream(new ByteArrayOutputStream(), true, StandardCharsets.UTF_8));
    }

    private static void pretrain(Path run, long available, String... overrides) {
        try (var line = silent()) {
            new PretrainJob(TinyRun.recipe(texts, overrides)).run(run, line, available);
        }
    }

    private void finetune(Path run, long available, String... overrides) throws IOException {
        String answers = List.of(overrides).contains("method=dpo") ? "\"chosen\": \"lit\", \"rejected\": \"no\"" : "\"completion\": \"lit\"";
        Path rows = Files.write(temporary.resolve("rows.jsonl"), IntStream.range(0, 16).mapToObj(i -> "{\"prompt\": \"lamp " + i + "? \", " + answers
                + "}").toList());
        var all = new ArrayList<>(List.of("model.from=" + base, "data.sources=[{path: \"" + rows + "\"}]", "train.steps=2", "train.batch=2",
                "train.seq=32"));
        all.addAll(List.of(overrides));
        try (var line = silent()) {
            new FinetuneJob(RecipeReader.defaults(FinetuneRecipe.class, all)).run(run, line, available);
        }
    }

    /** Refused before the text is read, and the directory is not made. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "model.hidden_size=65536|take a smaller model",
            "model.hidden_size=262144,model.layers=4096,model.heads=2048|take a smaller model",
            "model.intermediate_size=2097152,model.layers=64|take a smaller model",
            "train.batch=65536|train.batch=1 and train.accumulation=65536",
            "model.context_length=65536,train.seq=65536,train.batch=8,train.recompute=true|train.seq="})
    void pretrainingFromNothing(String overrides, String remedy) {
        Path run = temporary.resolve("run");
        assertThatThrownBy(() -> pretrain(run, 150_000_000, overrides.split(","))).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("this needs about", "of memory and 150 MB are available", remedy).hasMessageNotContaining("-");
        assertThat(run).doesNotExist();
    }

    /** What the vocabulary adds is known once there is one; the recipe that is put right has the directory. */
    @Test
    void pretrainingWithAVocabularyThatComesOutTooLarge() {
        Path run = temporary.resolve("run");
        String[] wide = {"model.hidden_size=4096", "model.intermediate_size=8", "model.layers=1", "model.heads=512", "data.tokenizer.vocab_size=2000"};
        long smallest = TrainingMemory.pretraining(ModelShape.smallest(TinyRun.recipe(texts, wide)), 2, 32, true, false).total();
        assertThatThrownBy(() -> pretrain(run, smallest + 1000, wide)).hasMessageContaining("this needs about");
        assertThat(run.resolve("recipe.yaml")).doesNotExist();
        assertThat(run.resolve("checkpoints")).doesNotExist();
        pretrain(run, PLENTY, "train.steps=1", "train.warmup=0");
    }

    @Test
    void continuingAndItsResumption() {
        Path run = temporary.resolve("run");
        assertThatThrownBy(() -> pretrain(run, 150_000_000, "model.from=" + base, "train.batch=65536"))
                .hasMessageContainingAll("this needs about", "train.batch=1");
        assertThat(run).doesNotExist();
        assertThatThrownBy(() -> pretrain(run, 1000, "model.from=" + base)).hasMessageContaining("take a smaller model");
        pretrain(run, PLENTY, "model.from=" + base, "train.steps=2", "train.warmup=0");
        delete(run.resolve("zhulong.json"));
        try (var line = silent()) {
            assertThatThrownBy(() -> Jobs.in(run, List.of()).run(run, line, 1000)).hasMessageContaining("this needs about");
            Jobs.in(run, List.of()).run(run, line, PLENTY);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"full", "lora", "qlora", "dpo"})
    void finetuningBeforeTheBaseIsLoaded(String method) throws IOException {
        Path run = temporary.resolve("run");
        // weights that nobody could load
        Path there = Files.createDirectories(temporary.resolve("broken"));
        for (String name : List.of("config.json", "tokenizer.json", "tokenizer_config.json")) {
            Files.copy(base.resolve(name), there.resolve(name));
        }
        Files.writeString(there.resolve("model.safetensors"), "no weights");
        assertThatThrownBy(() -> finetune(run, 150_000_000, "method=" + method, "train.batch=65536", "model.from=" + there))
                .hasMessageContainingAll("this needs about", "train.batch=1 and train.accumulation=65536");
        assertThat(run).doesNotExist();
        finetune(run, PLENTY, "method=" + method);
        delete(run.resolve("zhulong.json"));
        try (var line = silent()) {
            assertThatThrownBy(() -> Jobs.in(run, List.of()).run(run, line, 1000)).hasMessageContaining("this needs about");
            Jobs.in(run, List.of()).run(run, line, PLENTY);
        }
    }

    @Test
    void aSearchAndAQuickstart() {
        Space space = RecipeReader.read("trials: 2\nfields: {train.lr: {from: 1e-4, to: 1e-2}}", "space", Space.class, List.of());
        Path search = temporary.resolve("search");
        try (var line = silent()) {
            assertThatThrownBy(() -> Tune.run(new PretrainJob(TinyRun.recipe(texts, "train.batch=65536")), space, Budget.NONE, search, line, 150_000_000))
                    .hasMessageContaining("this needs about");
        }
        assertThat(search.resolve("data")).doesNotExist();
        Path quick = temporary.resolve("quick");
        var options = new QuickstartOptions(0.05, quick, Optional.of(texts), 0, Optional.empty());
        assertThatThrownBy(() -> Quickstart.run(options, Progress.SILENT, 1_000_000)).hasMessageContainingAll("memory", "are available");
        assertThat(quick.resolve("plan.json")).doesNotExist();
    }

    private static void delete(Path file) {
        assertThat(file.toFile().delete()).isTrue();
    }

    /** Arguments: texts, run directory, where to write the peak in bytes, overrides; without overrides it only loads libtorch. */
    public static final class Child {
        public static void main(String[] arguments) throws IOException {
            Tensor.zeros(DType.F32, 16).close();
            if (arguments.length > 3) {
                try (var line = ProgressLine.on(System.out)) {
                    new PretrainJob(TinyRun.recipe(Path.of(arguments[0]), Arrays.copyOfRange(arguments, 3, arguments.length))).run(Path.of(arguments[1]), line);
                }
            }
            Files.writeString(Path.of(arguments[2]), Long.toString(ChildJvm.peak()));
        }
    }

    /** Peak resident memory of whole processes, above one that does nothing: a third of the estimate at least, and little more than it. */
    @Test
    void theEstimateIsNearWhatIsMeasured() throws Exception {
        assumeTrue(ChildJvm.knowsPeak(), "needs Linux's /proc");
        String[] model = {"model.hidden_size=256", "model.heads=4", "model.layers=4", "model.context_length=512", "train.steps=2", "train.warmup=0",
            "train.seq=512", "train.batch=8", "train.evaluate_every=0", "train.sample_every=0", "train.evaluate_rows=1"};
        Map<String, String[]> cases = new LinkedHashMap<>();
        cases.put("idle", new String[0]);
        cases.put("packed", model);
        cases.put("recomputed", with(model, "train.recompute=true"));
        cases.put("wide", with(model, "model.hidden_size=768", "model.heads=12", "train.batch=1", "train.seq=64"));
        long idle = 0;
        for (var entry : cases.entrySet()) {
            Path peak = temporary.resolve(entry.getKey() + ".peak");
            Path log = temporary.resolve(entry.getKey() + ".log");
            List<String> arguments = new ArrayList<>(List.of(texts.toString(), temporary.resolve(entry.getKey()).toString(), peak.toString()));
            arguments.addAll(List.of(entry.getValue()));
            Process child = ChildJvm.startMeasured(Child.class, log.toFile(), arguments.toArray(String[]::new));
            assertThat(child.waitFor(180, TimeUnit.SECONDS)).isTrue();
            assertThat(child.exitValue()).as(Files.readString(log)).isZero();
            long bytes = Long.parseLong(Files.readString(peak));
            if (entry.getKey().equals("idle")) {
                idle = bytes;
                continue;
            }
            PretrainRecipe recipe = TinyRun.recipe(texts, entry.getValue());
            long estimate = TrainingMemory.pretraining(ModelShape.smallest(recipe), recipe.train().batch(), recipe.train().seq(),
                    recipe.data().packing() == PretrainRecipe.Packing.DOCUMENTS, recipe.train().recompute()).total();
            System.out.printf("%s: measured %d MB above idle, estimated %d MB%n", entry.getKey(), (bytes - idle) / 1_000_000, estimate / 1_000_000);
            assertThat((double) (bytes - idle)).as(entry.getKey()).isBetween(estimate / 3.0, 1.4 * estimate + 150e6);
        }
    }

    private static String[] with(String[] all, String... more) {
        List<String> both = new ArrayList<>(List.of(all));
        both.addAll(List.of(more));
        return both.toArray(String[]::new);
    }
}
