package dev.zhulong.recipe.tune;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.recipe.FinetuneJob;
import dev.zhulong.recipe.FinetuneRecipe;
import dev.zhulong.recipe.PretrainJob;
import dev.zhulong.recipe.TinyRun;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FineTuningsAreSearchedTooTest {
    @TempDir
    Path temporary;

    @Test
    void theBestIsTheOneThatLearnsTheAnswers() throws IOException {
        Path base = temporary.resolve("base");
        var printed = new ByteArrayOutputStream();
        try (var line = ProgressLine.on(new PrintStream(printed, true, StandardCharsets.UTF_8))) {
            new PretrainJob(TinyRun.recipe(TinyRun.texts(temporary.resolve("texts"), 12, 1), "train.steps=8", "train.sample_every=0")).run(base, line);
            Path rows = Files.write(temporary.resolve("lamps.jsonl"), IntStream.range(0, 40)
                    .mapToObj(i -> "{\"prompt\": \"lamp " + i + "? \", \"completion\": \"it was lit\"}").toList());
            FinetuneRecipe recipe = RecipeReader.defaults(FinetuneRecipe.class, List.of("model.from=" + base, "method=full", "train.epochs=4", "train.batch=4",
                    "train.seq=32", "train.lr=1e-7", "train.sample_every=2", "train.sample_tokens=4", "train.evaluate_every=2", "train.evaluate_rows=1",
                    "data.sources=[{path: \"" + rows + "\"}]"));
            Space space = RecipeReader.read("method: halving\ntrials: 2\nrounds: 2\nfactor: 2\nfields:\n  train.lr: {of: [3e-2]}\n", "space", Space.class, List.of());
            Path search = temporary.resolve("search");
            assertThat(Tune.run(new FinetuneJob(recipe), space, Budget.NONE, search, line, Long.MAX_VALUE)).containsExactly("train.lr=3e-2");

            FinetuneRecipe best = RecipeReader.read(search.resolve(Tune.BEST), FinetuneRecipe.class, List.of());
            assertThat(best.train().lr()).isEqualTo(3e-2);
            List<Trial> trials = new ArrayList<>();
            for (String place : List.of("000-0", "001-0", "001-1")) {
                Trial.read(search.resolve("trials").resolve(place)).ifPresent(trials::add);
            }
            assertThat(trials).hasSize(3).allMatch(trial -> !trial.failed() && trial.measure().equals("nats a learnt token"));
            assertThat(trials.get(1).score()).isLessThan(trials.get(0).score());
            assertThat(trials.get(2).steps()).as("a round later").isBetween(2 * trials.get(1).steps() - 1, 2 * trials.get(1).steps());
            assertThat(trials.get(2).tokens()).isEqualTo(trials.get(2).steps() * 4 * 32);
            assertThat(search.resolve(Tune.REPORT)).content().contains("nats a learnt token");
            assertThat(search.resolve("trials/001-1/run")).doesNotExist();
            // what was found before is not trained again
            assertThat(Tune.run(new FinetuneJob(recipe), space, Budget.NONE, search, line, Long.MAX_VALUE)).isEqualTo(List.of("train.lr=3e-2"));
        }
        assertThat(printed.toString(StandardCharsets.UTF_8)).contains("zhulong finetune --recipe", "the model writes:");
        assertThat(printed.toString(StandardCharsets.UTF_8)).doesNotContain("the model is in " + temporary.resolve("search"));
    }
}
