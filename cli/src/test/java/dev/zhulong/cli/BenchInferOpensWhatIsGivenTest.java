package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
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

    /** A mixture as wide for a token as the dense model has eight times its experts in memory, and reads a quarter of them. */
    @Test
    void twoShapesInTurn() {
        Cli done = bench("--synthetic", "8x135m", "--beside", "135m").done();
        assertThat(done.out()).containsPattern("prompt 4 +[0-9.]+ x as fast").containsPattern("decode +[0-9.]+ x as fast, [0-9.]+ x its share of read bandwidth");
        assertThat(read(done, "8x135m")).isCloseTo(read(done, "135m"), withinPercentage(2));
    }

    private static double read(Cli done, String shape) {
        Matcher line = Pattern.compile("(?m)^" + shape + ", .* reads ([0-9.]+)$").matcher(done.out());
        assertThat(line.find()).isTrue();
        return Double.parseDouble(line.group(1));
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
