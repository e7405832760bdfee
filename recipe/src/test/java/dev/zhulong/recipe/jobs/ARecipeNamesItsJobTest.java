package dev.zhulong.recipe.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.yaml.RecipeReader;
import dev.zhulong.recipe.FinetuneJob;
import dev.zhulong.recipe.FinetuneRecipe;
import dev.zhulong.recipe.Job;
import dev.zhulong.recipe.PretrainJob;
import dev.zhulong.recipe.PretrainRecipe;
import dev.zhulong.recipe.RunDirectory;
import dev.zhulong.recipe.TinyRun;
import dev.zhulong.recipe.quickstart.QuickstartJob;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ARecipeNamesItsJobTest {
    @TempDir
    Path temporary;

    private Job read(String yaml, String... overrides) throws IOException {
        return Jobs.read(Optional.of(Files.writeString(temporary.resolve("some.yaml"), yaml)), List.of(overrides));
    }

    @Test
    void byItsKind() throws IOException {
        assertThat(read("kind: pretrain\ntrain: {steps: 60}\n")).isInstanceOf(PretrainJob.class);
        assertThat(read("kind: finetune\nmodel: {from: base}\n")).isInstanceOf(FinetuneJob.class);
        assertThat(read("kind: quickstart\nminutes: 0.5\n")).isInstanceOf(QuickstartJob.class);
        assertThat(read("# nothing", "kind=finetune", "method=dpo")).isInstanceOf(FinetuneJob.class);
        assertThat(Jobs.read(Optional.empty(), List.of("kind=finetune")).kind()).isEqualTo("finetune");
        assertThat(Jobs.read(Optional.empty(), List.of("train.steps=70"))).isInstanceOf(PretrainJob.class);
    }

    @Test
    void withoutOneByItsMethod() throws IOException {
        assertThat(read("method: lora\ndata: {sources: [{path: x.jsonl}]}\n")).isInstanceOf(FinetuneJob.class);
        assertThat(read("seed: 3\n")).isInstanceOf(PretrainJob.class);
        assertThat(read("kind:\nseed: 3\n")).isInstanceOf(PretrainJob.class);
    }

    @Test
    void anotherKindIsRefused() {
        assertThatThrownBy(() -> read("kind: bake\n")).hasMessageContainingAll("'bake'", "pretrain, finetune, quickstart");
        assertThatThrownBy(() -> RecipeReader.read("kind: finetune\n", "a.yaml", PretrainRecipe.class, List.of()))
                .hasMessageContainingAll("a.yaml", "'pretrain'", "'finetune'");
        assertThatThrownBy(() -> Jobs.in(temporary, List.of())).hasMessageContaining("holds no run");
        assertThatThrownBy(() -> Jobs.in(temporary.resolve("absent"), List.of())).hasMessageContaining("there is no such directory");
    }

    @Test
    void theRecipeOfARunBeginsWithIt() throws IOException {
        Path run = temporary.resolve("run");
        var job = new PretrainJob(TinyRun.recipe(temporary));
        RunDirectory.open(run, job.recipe()).close();
        assertThat(Files.readString(run.resolve(RunDirectory.RECIPE))).startsWith("kind: pretrain\n");
        assertThat(Jobs.in(run, List.of()).recipe()).isEqualTo(job.recipe());
        assertThat(RecipeReader.toYaml(RecipeReader.defaults(FinetuneRecipe.class, List.of()))).startsWith("kind: finetune\n");
    }

    /** As it was written before recipes had a kind, epochs and shares of steps. */
    @Test
    void anOlderRunGoesOn() throws IOException {
        Path run = temporary.resolve("run");
        var job = new PretrainJob(TinyRun.recipe(temporary));
        RunDirectory.open(run, job.recipe()).close();
        Path file = run.resolve(RunDirectory.RECIPE);
        String older = Files.readString(file).replace("kind: pretrain\n", "").replaceAll("(?m)^ +(epochs|packing: true).*\\R", "")
                .replace("warmup: 2.0", "warmup: 2").replace("decay: 100.0", "decay: 100");
        assertThat(older).doesNotContain("epochs", "kind", "2.0\n");
        Files.writeString(file, older);
        assertThat(Jobs.in(run, List.of()).recipe()).isEqualTo(job.recipe());
        RunDirectory.open(run, job.recipe()).close();
        assertThatThrownBy(() -> RunDirectory.open(run, new PretrainJob(TinyRun.recipe(temporary, "train.warmup=3")).recipe()))
                .hasMessageContaining("train.warmup is 2.0 there and 3.0 here");
    }
}
