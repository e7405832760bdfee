package dev.zhulong.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.LoraConfig;
import dev.zhulong.formats.StorageType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AnAdapterLearnsTheDomainAndTheModelStaysTest {
    @TempDir
    Path temporary;

    @Test
    void heldOutLossFallsAndTheMergedModelScoresTheSame() throws IOException {
        Path texts = TinyRun.texts(temporary.resolve("texts"), 40, 1);
        Path source = temporary.resolve("source");
        TinyRun.run(TinyRun.recipe(texts, "train.steps=60"), source);
        byte[] weights = Files.readAllBytes(source.resolve("model.safetensors"));
        PretrainRecipe recipe = TinyRun.recipe(texts, "model.from=" + source, "adapter.rank=4", "train.steps=60", "train.lr=2e-2");
        Path run = temporary.resolve("run");
        TinyRun.Result result = TinyRun.run(recipe, run);
        double before = FinalEvaluation.read(run.resolve(FinalEvaluation.BEFORE)).orElseThrow().meanNll();
        double after = result.evaluation().orElseThrow().meanNll();
        assertThat(after).isLessThan(before - 0.01);
        assertThat(result.printed()).contains("adapter of rank 4 on 14 projections", "--adapter " + run);
        assertThat(source.resolve("model.safetensors")).hasBinaryContent(weights);
        assertThat(run.resolve("model.safetensors")).doesNotExist();
        assertThat(LoraConfig.read(run).rank()).isEqualTo(4);

        Path merged = temporary.resolve("merged");
        assertThat(MergeJob.run(source, run, merged, StorageType.F32).merged()).isLessThan(1e-4);
        Path again = temporary.resolve("again");
        TinyRun.run(TinyRun.recipe(texts, "model.from=" + merged, "train.steps=1", "train.warmup=0"), again);
        assertThat(FinalEvaluation.read(again.resolve(FinalEvaluation.BEFORE)).orElseThrow().meanNll()).isCloseTo(after, Offset.offset(1e-5));
    }

    @Test
    void anAdapterNeedsAModelUnderIt() {
        assertThatThrownBy(() -> TinyRun.recipe(temporary, "adapter.rank=4")).hasMessageContaining("model.from");
    }
}
