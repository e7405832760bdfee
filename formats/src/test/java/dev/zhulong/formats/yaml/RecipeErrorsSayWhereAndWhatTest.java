package dev.zhulong.formats.yaml;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.AlphaChars;
import net.jqwik.api.constraints.Chars;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RecipeErrorsSayWhereAndWhatTest {

    enum Kind { COSINE, WSD_SQRT }

    record Train(int steps, double learningRate, Kind schedule, List<Integer> sizes, boolean bf16) {
        Train {
            if (steps < 1) {
                throw new IllegalArgumentException("steps must be at least 1, found " + steps);
            }
        }

        static Train defaults() {
            return new Train(10, 1e-3, Kind.COSINE, List.of(), false);
        }
    }

    record Recipe(String name, Train train, Map<String, Double> mix, long seed) {}

    record Tree(List<Tree> children) {}

    @TempDir
    Path directory;

    @ParameterizedTest
    @CsvSource(delimiter = '@', value = {
        "train: {lerning_rate: 1}           @ r.yaml:1:9: train.lerning_rate: unknown field; did you mean learning_rate?",
        "train: {learning-rate: 1}          @ r.yaml:1:9: train.learning-rate: unknown field; did you mean learning_rate?",
        "train: {learningRate: 1}           @ r.yaml:1:9: train.learningRate: unknown field; did you mean learning_rate?",
        "learning_rate: 1                   @ r.yaml:1:1: learning_rate: unknown field; did you mean train.learning_rate?",
        "zzzzzzzz: 1                        @ r.yaml:1:1: zzzzzzzz: unknown field; known fields: name, train, mix, seed",
        "train: {steps: many}               @ r.yaml:1:16: train.steps: expected a whole number (int), found \"many\"",
        "train: {steps: 1.5}                @ r.yaml:1:16: train.steps: expected a whole number (int), found \"1.5\"",
        "train: {steps: '5'}                @ r.yaml:1:16: train.steps: expected a whole number (int), found the text \"5\"",
        "train: {steps: 3000000000}         @ r.yaml:1:16: train.steps: expected a whole number (int), found \"3000000000\"",
        "train: {steps: 1e999999999}        @ r.yaml:1:16: train.steps: expected a whole number (int), found \"1e999999999\"",
        "train: {steps: null}               @ r.yaml:1:16: train.steps: expected a whole number (int), found null",
        "train: {steps: [1]}                @ r.yaml:1:16: train.steps: expected a whole number (int), found a list",
        "train: {steps: 0}                  @ r.yaml:1:8: train: steps must be at least 1, found 0",
        "train: {learning_rate: .inf}       @ r.yaml:1:24: train.learning_rate: expected a number, found \".inf\"",
        "train: {learning_rate: 1e400}      @ r.yaml:1:24: train.learning_rate: expected a number, found \"1e400\"",
        "train: {learning_rate: 0x1p3}      @ r.yaml:1:24: train.learning_rate: expected a number, found \"0x1p3\"",
        "train: {bf16: yes}                 @ r.yaml:1:15: train.bf16: expected true or false, found \"yes\"",
        "train: {schedule: WSD_SQRT}        @ r.yaml:1:19: train.schedule: expected one of cosine, wsd-sqrt, found \"WSD_SQRT\"; did you mean wsd-sqrt?",
        "train: {sizes: 5}                  @ r.yaml:1:16: train.sizes: expected a list of (a whole number (int)), found \"5\"",
        "train: {sizes: [1, x]}             @ r.yaml:1:20: train.sizes[1]: expected a whole number (int), found \"x\"",
        "train: {sizes: [1, ~]}             @ r.yaml:1:20: train.sizes[1]: expected a whole number (int), found null",
        "train: 5                           @ r.yaml:1:8: train: expected a section with fields, found \"5\"",
        "[1]                                @ r.yaml:1:1: expected a section with fields, found a list",
        "mix: {a: b}                        @ r.yaml:1:10: mix.a: expected a number, found \"b\"",
        "name: {a: b}                       @ r.yaml:1:7: name: expected text, found a section with fields [a]",
        "name: x                            @ r.yaml:1:1: seed: required, expected a whole number (long), found nothing",
        "name: !!java.net.URL x             @ r.yaml:1:7: not YAML: Global tag is not allowed: tag:yaml.org,2002:java.net.URL",
        "name: !x y                         @ r.yaml:1:7: tags are not allowed in a recipe, found !x",
        "? [a] : b                          @ r.yaml:1:3: expected a field's name, found a list or a section",
        "train: {<<: {steps: 5}}            @ r.yaml:1:9: merging with << is not supported; write the fields out",
    })
    void oneLineWithPlaceFieldExpectedAndFound(String yaml, String message) {
        assertThatThrownBy(() -> read(yaml)).isInstanceOf(RecipeException.class).hasMessage(message);
    }

    @Test
    void fieldsGivenTwiceAreRefusedWithBothPlaces() {
        assertThatThrownBy(() -> read("name: a\ntrain:\n  steps: 1\n  bf16: true\n  steps: 2\n"))
                .hasMessage("r.yaml:5:3: steps: given twice, first at r.yaml:3:3");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '@', value = {
        "train.stps=5       @ --set train.stps=5: train.stps: unknown field; did you mean steps?",
        "train.steps=x      @ --set train.steps=x: train.steps: expected a whole number (int), found \"x\"",
        "train.steps        @ --set train.steps: expected field=value, for example train.steps=100",
        "=5                 @ --set =5: expected field=value, for example train.steps=100",
        "name.x=5           @ --set name.x=5: name is no section at r.yaml:1:7, found \"n\"; override it as a whole",
        "train.sizes=[1, x] @ --set train.sizes=[1, x]: train.sizes[1]: expected a whole number (int), found \"x\"",
        "train.sizes=1      @ --set train.sizes=1: train.sizes: expected a list of (a whole number (int)), found \"1\"",
        "seed=null          @ --set seed=null: seed: expected a whole number (long), found null",
    })
    void overridesAreNamedAsTheyWereTyped(String override, String message) {
        assertThatThrownBy(() -> RecipeReader.read("name: n\nseed: 1\n", "r.yaml", Recipe.class, List.of(override)))
                .isInstanceOf(RecipeException.class).hasMessage(message);
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "a: [1, 2", "a: b: c", "\t- x", "a: 'x", "a: *b", "--- 1\n--- 2", "a: \u0001", "{", "&a", "%YAML 9.9\n---\na: 1",
    })
    void brokenYamlIsOneLineWithTheFile(String yaml) {
        assertThatThrownBy(() -> read(yaml)).isInstanceOf(RecipeException.class)
                .satisfies(e -> assertThat(e.getMessage()).startsWith("r.yaml:").doesNotContain("\n"));
    }

    @Test
    void filesThatAreNotThereOrNotTextSaySo() throws Exception {
        Path file = directory.resolve("x.yaml");
        assertThatThrownBy(() -> RecipeReader.read(file, Recipe.class, List.of())).hasMessage(file + ": no such recipe");
        Files.write(file, new byte[] {'a', (byte) 0xff, (byte) 0xfe});
        assertThatThrownBy(() -> RecipeReader.read(file, Recipe.class, List.of())).hasMessageContaining("not UTF-8");
        assertThatThrownBy(() -> RecipeReader.read(directory, Recipe.class, List.of())).isInstanceOf(RecipeException.class);
    }

    @Test
    void bombsAreRefusedQuickly() {
        StringBuilder laughs = new StringBuilder("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
        for (int i = 1; i < 12; i++) {
            laughs.append("a%d: &a%d [%s]\n".formatted(i, i, String.join(",", Collections.nCopies(7, "*a" + (i - 1)))));
        }
        assertTimeoutPreemptively(Duration.ofSeconds(5), () -> {
            for (String bomb : List.of(laughs.toString(), "[".repeat(100_000), "{a: ".repeat(10_000), "? ".repeat(10_000),
                    "name: " + "x".repeat(2_000_000), "a: &a [*a]", "children: &a [{children: *a}]")) {
                assertThatExceptionOfType(RecipeException.class)
                        .isThrownBy(() -> RecipeReader.read(bomb, "r.yaml", Tree.class, List.of()))
                        .satisfies(e -> assertThat(e.getMessage().length()).isLessThan(1_000));
            }
        });
    }

    @Property(seed = "13", tries = 2_000)
    void anyTextIsARecipeOrARecipeException(@ForAll @AlphaChars @Chars({':', ' ', '\n', '[', ']', '{', '}', '-', '&', '*', '!', '|', '>',
        '\'', '"', '#', '%', ',', '?', '1', '.'}) String text) {
        try {
            read("seed: 1\n" + text);
            read(text);
        } catch (RecipeException e) {
            assertThat(e.getMessage()).startsWith("r.yaml").doesNotContain("\n");
        }
    }

    private static Recipe read(String yaml) {
        return RecipeReader.read(yaml, "r.yaml", Recipe.class, List.of());
    }
}
