package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.bench.InferBench;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BenchInferOpensWhatIsGivenTest {
    @TempDir
    Path temporary;

    private static Cli bench(Object... model) {
        List<Object> words = new ArrayList<>(List.of("bench", "infer", "--prompt", 4, "--sequences", 1, "--tokens", 2, "--repetitions", 1, "--threads", 1));
        words.addAll(List.of(model));
        return Cli.run(words.toArray());
    }

    @Test
    void aDirectoryInATypeOfItsOwn() throws IOException {
        Path model = TinyModel.write(temporary.resolve("model"));
        assertThat(bench("--model", model, "--type", "q8_0").done().out()).contains("latency route").containsPattern("prompt 4 +[0-9.]+ tokens/s")
                .containsPattern("decode +[0-9.]+ tokens/s");
    }

    @Test
    void aShapeBesideAnotherAlone() {
        Cli refused = bench("--model", temporary, "--beside", "1b");
        assertThat(refused.code()).isEqualTo(2);
        assertThat(refused.err()).contains("--beside goes with --synthetic");
    }

    /** Half the speed with four times the bytes a token is twice the share of the bandwidth. */
    @Test
    void figuresAreComparedBySpeedAndByBandwidth() {
        var mixture = new InferBench.Figure("decode", 20, 0.5, Double.NaN);
        assertThat(mixture.beside(new InferBench.Figure("decode", 40, 0.25, Double.NaN))).containsPattern("^decode +0.50 x as fast, 2.00 x its share of read bandwidth$");
        assertThat(mixture.beside(new InferBench.Figure("decode", 40, Double.NaN, Double.NaN))).containsPattern("^decode +0.50 x as fast$");
    }

    /** Its types are fixed: another one would be measured under a wrong name. */
    @Test
    void aFileInNoOtherThanItsOwn() {
        Path gguf = temporary.resolve("tiny.gguf");
        Rehearsal.write(gguf);
        Cli refused = bench("--model", gguf, "--type", "q4_0");
        assertThat(refused.code()).isEqualTo(1);
        assertThat(refused.err()).startsWith("zhulong: ").contains("whose types are fixed").hasLineCount(1);
    }
}
