package dev.zhulong.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ARunKeepsItsRecipeTest {
    @TempDir
    Path temporary;

    @Test
    void anotherRecipeIsRefusedByTheFieldThatDiffers() throws IOException {
        Path texts = TinyRun.texts(temporary.resolve("texts"), 6, 1);
        Path run = temporary.resolve("run");
        RunDirectory.open(run, TinyRun.recipe(texts).absolute()).close();
        assertThatThrownBy(() -> TinyRun.run(TinyRun.recipe(texts, "train.lr=0.01"), run)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll(run.toString(), "train.lr is 0.005 there and 0.01 here", "zhulong resume " + run);
        assertThatThrownBy(() -> TinyRun.run(TinyRun.recipe(texts, "replay.inputs=[\"" + texts + "\"]"), run))
                .hasMessageContaining("replay is null there");
        RunDirectory.open(run, TinyRun.recipe(texts).absolute()).close();
    }

    @Test
    void onlyOneProcessWorksOnIt() throws IOException {
        PretrainRecipe recipe = TinyRun.recipe(TinyRun.texts(temporary.resolve("texts"), 6, 1));
        Path run = temporary.resolve("run");
        try (var held = RunDirectory.open(run, recipe.absolute())) {
            assertThatThrownBy(() -> TinyRun.run(recipe, held.path())).hasMessageContainingAll(run.toString(), "in use");
        }
    }

    @Test
    void whatIsNoRunIsLeftAlone() throws IOException {
        Path texts = TinyRun.texts(temporary.resolve("texts"), 6, 1);
        Path own = temporary.resolve("own");
        Path treasure = Files.createDirectories(own.resolve("data/corpus")).resolve("treasure.txt");
        Files.writeString(treasure, "mine");
        assertThatThrownBy(() -> TinyRun.run(TinyRun.recipe(texts), own)).hasMessageContainingAll(own.toString(), "(data)", "empty");
        Files.writeString(own.resolve("recipe.yaml"), "train:\n  steps: 3\n");
        assertThatThrownBy(() -> TinyRun.run(TinyRun.recipe(texts), own)).hasMessageContaining("seed is null there");
        Files.writeString(own.resolve("recipe.yaml"), "a: [\n");
        assertThatThrownBy(() -> TinyRun.run(TinyRun.recipe(texts), own)).hasMessageContaining("is not the recipe of a run");
        assertThat(treasure).hasContent("mine");
        assertThatThrownBy(() -> TinyRun.run(TinyRun.recipe(texts), treasure)).hasMessageContaining("is a file");
    }

    @Test
    void badInputLeavesTheDirectoryToTheCorrectedRecipe() throws IOException {
        Path texts = TinyRun.texts(temporary.resolve("texts"), 6, 1);
        Path run = temporary.resolve("run");
        assertThatThrownBy(() -> TinyRun.run(TinyRun.recipe(temporary.resolve("absent")), run)).hasMessageContaining("absent");
        assertThatThrownBy(() -> TinyRun.run(TinyRun.recipe(texts, "train.seq=33"), run)).hasMessageContaining("context of 32");
        assertThatThrownBy(() -> TinyRun.run(TinyRun.recipe(texts, "data.tokenizer.vocab_size=256"), run)).hasMessageContaining("257");
        assertThatThrownBy(() -> TinyRun.run(TinyRun.recipe(texts, "replay.share=0.5"), run)).hasMessageContaining("replay.inputs");
        assertThatThrownBy(() -> TinyRun.run(TinyRun.recipe(texts, "model.from=" + texts), run)).hasMessageContaining("config.json");
        assertThatThrownBy(() -> TinyRun.run(TinyRun.recipe(texts), texts.resolve("run"))).hasMessageContaining("inside the text");
        assertThat(run).doesNotExist();
        assertThat(texts.resolve("run")).doesNotExist();

        Path small = Files.writeString(temporary.resolve("small.txt"), "hello");
        assertThatThrownBy(() -> TinyRun.run(TinyRun.recipe(small), run)).hasMessageContainingAll("nothing is left", "data.clean=false");
        assertThatThrownBy(() -> TinyRun.run(TinyRun.recipe(small, "data.clean=false", "data.packing=crop"), run))
                .hasMessageContainingAll("too small", "train.seq");
        TinyRun.run(TinyRun.recipe(small, "data.clean=false", "train.steps=2"), run);
        assertThat(run.resolve("model.safetensors")).exists();
        assertThatThrownBy(() -> TinyRun.run(TinyRun.recipe(small, "data.clean=false"), run)).hasMessageContaining("train.steps is 2 there");
    }
}
