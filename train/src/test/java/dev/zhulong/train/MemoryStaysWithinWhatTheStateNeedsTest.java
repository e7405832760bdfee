package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.DecoderSpec.Rope;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.Family;
import dev.zhulong.model.Decoder;
import dev.zhulong.tensor.Libtorch;
import dev.zhulong.tensor.Tensor;
import dev.zhulong.tensor.TensorScope;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** What counts is what the system counts: the most that was resident. A process of its own trains a model whose weights, gradients and moments are many times that. */
@EnabledOnOs(value = OS.LINUX, disabledReason = "the largest resident memory is read from /proc")
class MemoryStaysWithinWhatTheStateNeedsTest {
    /** What libtorch keeps for products, classes, and the activations of 24 tokens. */
    private static final long SLACK = 40 << 20;

    @TempDir
    Path directory;

    /** 25 million weights: 400 MB of weights, gradients and moments. */
    private static DecoderSpec spec() {
        return new DecoderSpec(Family.of("llama"), Tiny.VOCAB, 512, 8, 8, 8, 64, 1408, 32, Norm.RMS, 1e-5, Activation.SILU, true, new Rope(10_000, 64, new Scaling.None()), true,
                false, false, false, false, Collections.nCopies(8, 0), -1, List.of());
    }

    @Test
    void ofAModelWhoseStateIsLarger() throws Exception {
        // a heap that is resident from the start, and one compiler: what the JVM grows by differs from run to run otherwise
        Process child = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "--enable-native-access=ALL-UNNAMED", "--add-modules",
                "jdk.incubator.vector", "-Xms64m", "-Xmx64m", "-XX:+AlwaysPreTouch", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-D" + Libtorch.BUDGET + "=1g", "-cp", System.getProperty("java.class.path"), Child.class.getName(), directory.toString()).redirectErrorStream(true).start();
        String said = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(child.waitFor()).as(said).isZero();
        String[] kilobytes = said.lines().filter(line -> line.startsWith("resident ")).findFirst().orElseThrow(() -> new AssertionError(said)).split(" ");
        long grown = 1024 * (Long.parseLong(kilobytes[2]) - Long.parseLong(kilobytes[1]));
        StreamedState.Needs needs = StreamedState.needs(spec(), Tiny.ADAMW);
        assertThat(grown).as("%s%n%s", needs, said).isLessThan(needs.windows() + needs.resident() + Math.max(needs.update(), needs.layer()) + SLACK);
        assertThat(16 * Long.parseLong(kilobytes[3])).isGreaterThan(4 * (needs.windows() + needs.resident() + needs.layer()));
    }

    /** Its memory before and at most, in kB, and its weights. */
    static final class Child {
        public static void main(String[] args) throws Exception {
            // what the first product brings along is not the state's
            try (var scope = TensorScope.open()) {
                Tensor.randn(64, 64).requiresGrad(true).matmul(Tensor.randn(64, 64)).sum().backward();
            }
            long before = kilobytes("VmRSS:");
            try (StreamedState state = StreamedState.open(spec(), Path.of(args[0]).resolve("state"), Tiny.ADAMW); Decoder model = Decoder.random(spec(), 7, state)) {
                state.attach(model);
                var o = Tiny.options(2, 1, 1);
                new Trainer<>(model, Tiny.nextToken(model), new TrainData<>(Tiny::batch, List.of()), new TrainOptions(2, 1, o.schedule(), 1, o.optimizer(), false, 5, 0, 0, 0, 1),
                        Path.of(args[0]).resolve("run"), new TrainListener() {}).train();
                System.out.println("resident " + before + " " + kilobytes("VmHWM:") + " " + model.count());
                System.out.println(state.traffic().text());
            }
        }

        private static long kilobytes(String field) throws java.io.IOException {
            return Files.readAllLines(Path.of("/proc/self/status")).stream().filter(line -> line.startsWith(field)).mapToLong(line -> Long.parseLong(line.replaceAll("\\D", ""))).findFirst()
                    .orElseThrow();
        }
    }
}
