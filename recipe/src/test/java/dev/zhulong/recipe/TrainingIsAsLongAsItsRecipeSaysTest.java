package dev.zhulong.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.train.TrainOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainingIsAsLongAsItsRecipeSaysTest {
    @TempDir
    Path temporary;

    private static Train pretraining(String... overrides) {
        return TinyRun.recipe(Path.of("texts"), overrides).train();
    }

    @Test
    void stepsOrEpochs() {
        assertThat(pretraining("train.steps=7").steps(1000, 2)).isEqualTo(7);
        assertThat(pretraining("train.steps=0", "train.epochs=1.5", "train.accumulation=2").steps(1000, 2)).isEqualTo(375);
        assertThat(pretraining("train.steps=0", "train.epochs=0.001").steps(10, 2)).isEqualTo(1);
        assertThatThrownBy(() -> pretraining("train.steps=0")).hasMessageContaining("give steps or epochs");
    }

    @Test
    void warmupIsAShareBelowOneAndAsManyStepsFromThere() {
        assertThat(schedule(pretraining("train.warmup=0.25"), 40).schedule().warmup()).isEqualTo(10);
        assertThat(schedule(pretraining("train.warmup=1"), 40).schedule().warmup()).isEqualTo(1);
        assertThat(schedule(pretraining("train.warmup=12"), 40).schedule().warmup()).isEqualTo(12);
        assertThatThrownBy(() -> pretraining("train.warmup=-1")).hasMessageContaining("warmup must not be negative");
        assertThatThrownBy(() -> pretraining("train.warmup=.nan")).hasMessageContaining("warmup");
        Train falling = RecipeReader.defaults(FinetuneRecipe.class, List.of("train.schedule=wsd")).train();
        TrainOptions options = schedule(falling, 40);
        // a tenth of the steps falls: the peak holds until there
        assertThat(options.schedule().at(35)).isEqualTo(1e-3);
        assertThat(options.schedule().at(39)).isEqualTo(1e-4);
        assertThat(schedule(falling, 1).schedule().at(0)).isPositive();
    }

    private static TrainOptions schedule(Train train, long total) {
        return train.options(total, 1e-3, false, 1);
    }

    @Test
    void aShorterRunWarmsUpShorter() {
        assertThat(pretraining("train.steps=90", "train.warmup=20", "train.decay=0.5").shortened(1.0 / 3, 30)).containsExactly("train.steps=30",
                "train.warmup=6");
        assertThat(pretraining("train.steps=0", "train.epochs=4", "train.warmup=0.1", "train.decay=0.1").shortened(0.25, 0)).containsExactly("train.epochs=1.0");
        assertThat(pretraining().shortened(1, 12)).isEmpty();
    }

    @Test
    void aPretrainingOfOnePassReadsEveryRowOnce() throws IOException {
        Path texts = TinyRun.texts(temporary.resolve("texts"), 6, 1);
        Path run = temporary.resolve("run");
        TinyRun.run(TinyRun.recipe(texts, "train.steps=0", "train.epochs=1", "train.warmup=0.1", "train.sample_every=0"), run);
        long rows;
        try (PreparedData data = TinyRun.data(TinyRun.recipe(texts), temporary.resolve("data"))) {
            rows = PretrainRun.rows(TinyRun.recipe(texts), data, 32).rowsPerEpoch();
        }
        try (var lines = Files.lines(run.resolve("metrics.jsonl"))) {
            assertThat(lines.filter(line -> line.contains("\"lr\""))).hasSize(Math.toIntExact((rows + 1) / 2));
        }
    }
}
