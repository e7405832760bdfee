package dev.zhulong.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code OMP_NUM_THREADS} in real JVMs; loads no native library. */
class TheEnvironmentsThreadsAreBoundedByTheCoresTest {
    /** What the JVMs run. */
    public static final class Probe {
        private Probe() {}

        /** Prints the number of threads. */
        public static void main(String[] arguments) {
            System.out.println(Libtorch.threads());
        }
    }

    /** A number for each core: 0 for the environment's own. */
    @ParameterizedTest
    @CsvSource({"1, 0", "3, 0", "5000, 8", "100000, 8", "999999999, 8", "0, 1", "-4, 1", "many, 1"})
    void asManyAsAMachineCanRun(String wanted, int aCore) throws IOException, InterruptedException {
        var builder = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")), Probe.class.getName());
        builder.environment().put("OMP_NUM_THREADS", wanted);
        Process process = builder.redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        assertThat(process.waitFor()).as(output).isZero();
        assertThat(output).isEqualTo(aCore == 0 ? wanted : Integer.toString(aCore * Runtime.getRuntime().availableProcessors()));
    }
}
