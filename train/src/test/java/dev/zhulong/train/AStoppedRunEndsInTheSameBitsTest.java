package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.Family;
import dev.zhulong.model.Decoder;
import dev.zhulong.train.log.MetricsLog;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Trap 25: weights, moments and counters after a stop at any step are those of the run that was never stopped. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AStoppedRunEndsInTheSameBitsTest {
    private static final long STEPS = 14;

    @TempDir
    static Path directory;

    private Path unbroken;

    @BeforeAll
    void unbroken() {
        unbroken = directory.resolve("unbroken");
        train(unbroken, Long.MAX_VALUE);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 7, 13})
    void stoppedOnce(long after) {
        Path run = directory.resolve("stopped-" + after);
        assertThat(train(run, after)).isFalse();
        assertThat(train(run, Long.MAX_VALUE)).isTrue();
        assertSame(run);
    }

    /** Each resumption loses what came after its checkpoint, never what came before. */
    @Test
    void stoppedAgainAndAgain() {
        Path run = directory.resolve("again");
        for (long after : new long[] {5, 2, 4, 3, 4}) {
            train(run, after);
        }
        train(run, Long.MAX_VALUE);
        assertSame(run);
    }

    @Test
    void killedWithoutAWordTenTimes() throws Exception {
        Path run = directory.resolve("killed");
        var random = new java.util.SplittableRandom(11);
        int kills = 0;
        for (int attempt = 0; attempt < 60 && kills < 10; attempt++) {
            Process child = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "--enable-native-access=ALL-UNNAMED", "-cp", System.getProperty("java.class.path"), Slow.class.getName(), run.toString())
                    .redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
            // from before libtorch is loaded until some checkpoints later
            if (child.waitFor(random.nextInt(300, 2200), TimeUnit.MILLISECONDS)) {
                break;
            }
            child.destroyForcibly().waitFor();
            kills++;
        }
        assertThat(kills).as("the child must not come to its end").isEqualTo(10);
        train(run, Long.MAX_VALUE);
        assertSame(run);
    }

    /** Evaluations and checkpoints on the way change nothing but what is written down. */
    @Test
    void lookingAtTheModelChangesNothing() {
        Path run = directory.resolve("unwatched");
        var o = options();
        train(run, Long.MAX_VALUE, new TrainOptions(o.steps(), o.accumulation(), o.schedule(), o.clip(), o.optimizer(), false, o.seed(), 0, 0, 0, 1));
        assertSameFile(run, "model.safetensors");
        assertSameFile(run, "optimizer.safetensors");
    }

    private void assertSame(Path run) {
        for (String name : List.of("model.safetensors", "optimizer.safetensors", "trainer.json", "config.json")) {
            assertSameFile(run, name);
        }
        assertThat(losses(run)).as("each step once, with the same loss").isEqualTo(losses(unbroken));
        assertThat(losses(run)).hasSize((int) STEPS);
    }

    private void assertSameFile(Path run, String name) {
        String last = "checkpoints/step-%08d/".formatted(STEPS) + name;
        assertThat(run.resolve(last)).hasSameBinaryContentAs(unbroken.resolve(last));
    }

    private static List<String> losses(Path run) {
        return MetricsLog.read(run.resolve("metrics.jsonl")).stream().filter(line -> line.containsKey("loss"))
                .map(line -> line.get("step") + " " + line.get("loss") + " " + line.get("lr") + " " + line.get("grad_norm")).toList();
    }

    private static TrainOptions options() {
        return Tiny.options(STEPS, 2, 1);
    }

    /** Whether it came to its end; {@code stopAfter} counts the steps of this start. */
    private static boolean train(Path run, long stopAfter) {
        return train(run, stopAfter, options());
    }

    private static boolean train(Path run, long stopAfter, TrainOptions options) {
        var left = new long[] {stopAfter};
        try (Decoder model = Tiny.decoder(Family.of("llama"), true)) {
            new Trainer<>(model, Tiny.nextToken(model), Tiny.data(), options, run, new TrainListener() {
                @Override
                public void step(Step step) {
                    if (--left[0] == 0) {
                        throw new Stop();
                    }
                }
            }).train();
            return true;
        } catch (Stop stop) {
            return false;
        }
    }

    private static final class Stop extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    /** The same run in a process of its own, with a pause after each step so that it is there to be killed. */
    static final class Slow {
        public static void main(String[] args) {
            try (Decoder model = Tiny.decoder(Family.of("llama"), true)) {
                new Trainer<>(model, Tiny.nextToken(model), Tiny.data(), options(), Path.of(args[0]), new TrainListener() {
                    @Override
                    public void step(Step step) {
                        try {
                            Thread.sleep(300);
                        } catch (InterruptedException e) {
                            throw new IllegalStateException(e);
                        }
                    }
                }).train();
            }
        }
    }
}
