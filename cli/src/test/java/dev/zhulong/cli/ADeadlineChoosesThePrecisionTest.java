package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ADeadlineChoosesThePrecisionTest {
    @TempDir
    static Path temporary;

    private static Path model;
    private static Path gguf;

    @BeforeAll
    static void write() throws IOException {
        model = TinyModel.write(temporary.resolve("model"));
        gguf = temporary.resolve("tiny.gguf");
        Rehearsal.write(gguf);
    }

    private static Cli generate(Path model, Object... more) {
        var words = new ArrayList<Object>(List.of("generate", "--model", model, "--prompt", "The", "--greedy", "--max-new-tokens", 9));
        words.addAll(List.of(more));
        return Cli.run(words.toArray());
    }

    @Test
    void aGenerousOneLeavesTheWeightsAsTheyAreAndTheTextTheSame() {
        Cli generous = generate(model, "--deadline", "1e9").done();
        assertThat(generous.err()).containsPattern("\\[a token within 1000000000\\.0 ms: full \\(f32\\) takes [\\d.]+ ms]\n").contains("; cpu f32, ").doesNotContain("after the deadline");
        assertThat(generous.out()).isEqualTo(generate(model).done().out());
    }

    @Test
    void anImpossibleOneTakesTheFastestAndCountsWhatWasLate() {
        Cli late = generate(model, "--deadline", "1e-6").done();
        assertThat(late.err()).containsPattern("\\[nothing writes a token within 0\\.00 ms: .*, the fastest, takes [\\d.]+ ms; not .*: .*; not .*]\n")
                .containsPattern("\\[([1-9]) of \\1 tokens came after the deadline, the slowest after [\\d.]+ ms]\n");
    }

    @Test
    void aFileKeepsItsTypes() {
        assertThat(generate(gguf, "--deadline", "1e9").done().err()).containsPattern("\\[a token within .*: q8_0, the model's own precision, takes [\\d.]+ ms]\n").contains("; cpu q8_0, ");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "--deadline 0 | above 0",
        "--deadline -3 | above 0",
        "--deadline NaN | above 0",
        "--deadline Infinity | above 0",
        "--deadline soon | --deadline",
        "--deadline 9 --precision int8 | --precision",
        "--deadline 9 --weights q8_0 | --weights",
        "--deadline 9 --route auto | --route auto",
        "--deadline 9 --engine torch | --engine torch",
    })
    void nonsenseIsWrongUsage(String options, String named) {
        Cli refused = generate(model, (Object[]) options.split(" "));
        assertThat(refused.code()).as(refused.err()).isEqualTo(2);
        assertThat(refused.err()).startsWith("zhulong: ").contains(named);
    }
}
