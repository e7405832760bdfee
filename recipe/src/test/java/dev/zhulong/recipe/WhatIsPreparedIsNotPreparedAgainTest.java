package dev.zhulong.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WhatIsPreparedIsNotPreparedAgainTest {
    @TempDir
    Path temporary;

    @Test
    void aRunGoesOnWithTheTextItBeganWith() throws IOException {
        Path texts = TinyRun.texts(temporary.resolve("texts"), 20, 1);
        PretrainRecipe recipe = TinyRun.recipe(texts);
        Path data = temporary.resolve("data");
        long tokens;
        try (PreparedData first = TinyRun.data(recipe, data)) {
            tokens = first.train().tokens();
        }
        var made = Files.getLastModifiedTime(data.resolve("corpus/stage.json"));
        Files.move(texts, temporary.resolve("gone"));
        try (PreparedData again = TinyRun.data(recipe, data)) {
            assertThat(again.train().tokens()).isEqualTo(tokens);
            assertThat(again.inputs()).containsKey(texts.toString());
        }
        assertThat(Files.getLastModifiedTime(data.resolve("corpus/stage.json"))).isEqualTo(made);
    }

    @Test
    void otherSettingsMakeItAnew() throws IOException {
        Path texts = TinyRun.texts(temporary.resolve("texts"), 20, 1);
        Path data = temporary.resolve("data");
        TinyRun.data(TinyRun.recipe(texts), data).close();
        try (PreparedData other = TinyRun.data(TinyRun.recipe(texts, "data.validation_fraction=0", "data.tokenizer.vocab_size=320"), data)) {
            assertThat(other.validation()).isEmpty();
            assertThat(other.tokenizer().vocabSize()).isEqualTo(320);
        }
    }

    @Test
    void aStageThatFailedHalfwayIsNotThere() throws IOException {
        Path stage = temporary.resolve("stage");
        assertThatThrownBy(() -> Stage.in(stage, Map.of("n", 1L), Map::of, half -> {
            try {
                Files.writeString(half.resolve("a"), "half");
            } catch (IOException e) {
                throw new AssertionError(e);
            }
            throw new IllegalStateException("power is gone");
        })).hasMessage("power is gone");
        assertThat(stage).doesNotExist();
        Stage made = Stage.in(stage, Map.of("n", 1L), Map::of, half -> assertThat(half).isEmptyDirectory());
        assertThat(Stage.in(stage, Map.of("n", 1L), Map::of, half -> {
            throw new AssertionError("made again");
        })).isEqualTo(made);
        assertThat(temporary.resolve("stage.unfinished")).doesNotExist();
    }
}
