package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.bench.EncoderBench;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BenchEncoderTimesWhatIsNamedTest {
    private static Cli bench(int tokens, Object... more) {
        var words = new ArrayList<Object>(List.of("bench", "encoder", "--tokens", tokens, "--batch", 2, "--repetitions", 1, "--threads", 1));
        words.addAll(List.of(more));
        return Cli.run(words.toArray());
    }

    @Test
    void eachEngineAndTypeHasALine(@TempDir Path directory) throws IOException {
        Path model = Files.createDirectory(directory.resolve("encoder"));
        EncoderBench.write(EncoderBench.miniLm(), model);
        assertThat(bench(4, "--model", model, "--engine", "cpu,torch", "--weights", "stored,q8_0").done().out()).contains("6 layers of 384, 2 texts of 4 tokens, 1 threads")
                .containsPattern("cpu f32 +[0-9.]+ texts/s +[0-9.]+ GFLOP/s +[0-9.]+ ms of processor time a text").containsPattern("cpu q8_0 +[0-9.]+ texts/s")
                .containsPattern("torch f32 +[0-9.]+ texts/s");
    }

    @Test
    void textsThatDoNotFitAreWrongUsage() {
        Cli refused = bench(513, "--weights", "stored");
        assertThat(refused.code()).isEqualTo(2);
        assertThat(refused.err()).contains("--tokens 513 is more than the model's context of 512");
        assertThat(bench(4, "--engine", "auto").err()).contains("--engine must name what is measured");
    }
}
