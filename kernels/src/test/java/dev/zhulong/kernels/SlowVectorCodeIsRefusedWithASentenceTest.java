package dev.zhulong.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Starts real JVMs with the flags that make vector code slow or impossible. */
class SlowVectorCodeIsRefusedWithASentenceTest {
    /** What the JVMs run. */
    public static final class Probe {
        private Probe() {}

        /** Prints what is wrong, or that nothing is. */
        public static void main(String[] arguments) {
            System.out.println(VectorSupport.problem().orElse("fine"));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "'', --add-modules jdk.incubator.vector", "'--add-modules jdk.incubator.vector -XX:TieredStopAtLevel=1', -XX:TieredStopAtLevel=1",
        "'--add-modules jdk.incubator.vector -Xint', -Xint", "'--add-modules jdk.incubator.vector', fine",
        "'--add-modules jdk.incubator.vector -XX:MaxVectorSize=8', vectors of 128 bits or more",
        "'--add-modules jdk.incubator.vector -XX:MaxVectorSize=16', fine",
        "'--add-modules jdk.incubator.vector -XX:-UseFMA', fused multiply-add",
    })
    void eachFlagIsNamed(String flags, String expected) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
        if (!flags.isEmpty()) {
            command.addAll(List.of(flags.split(" ")));
        }
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Probe.class.getName()));
        Process process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        assertThat(process.waitFor()).isZero();
        assertThat(out).contains(expected).doesNotContain("\n");
    }

    @Test
    void thisVeryJvmIsFine() {
        assertThatCode(VectorSupport::require).doesNotThrowAnyException();
    }

    /** NEON has 128 bits, SVE up to 2048, of which 512 are used. */
    @ParameterizedTest
    @CsvSource({"128, 128", "256, 256", "512, 512", "1024, 512", "2048, 512"})
    void vectorsOfEveryWidthThatProcessorsHaveAreComputedWith(int preferred, int used) {
        assertThat(Lanes.problem(preferred)).isEmpty();
        assertThat(Lanes.bits(preferred)).isEqualTo(used);
    }
}
