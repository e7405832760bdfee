package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Trap 25 of scale: ranks under Spark are processes of their own, a lost executor costs one attempt, and nothing is left behind. */
class SparkPlacesAndRestartsRanksTest {
    private static final Path JARS = Path.of("../target/zhulong/spark/classpath");

    @TempDir
    Path temporary;

    private Path texts;

    @BeforeEach
    void writeTexts() throws IOException {
        texts = TinyRun.texts(temporary);
    }

    @AfterEach
    void forgetJars() {
        System.clearProperty(SparkDriver.CLASSPATH);
    }

    private Object[] pretrain(Path run, int steps, Object... before) {
        return TinyRun.pretrain(texts, run, steps, 2, 20, before);
    }

    @Test
    void andEndInTheBitsOfOneProcessThoughAnExecutorIsLost() throws Exception {
        assumeThat(JARS).as("Apache Spark was never fetched: ./zhulong train-cluster --spark 'local[1]' does it").exists();
        assumeThat(Path.of("/proc/self/cmdline")).as("processes are found in /proc").exists();
        System.setProperty(SparkDriver.CLASSPATH, JARS.toString());
        Path alone = temporary.resolve("alone");
        Cli.run(pretrain(alone, 2000)).done();
        Path run = temporary.resolve("run");
        var training = CompletableFuture.supplyAsync(() -> Cli.run(pretrain(run, 2000, "train-cluster", "--spark", "local-cluster[2,1,512]")));
        TinyRun.awaitCheckpoint(run, training);
        assertThat(training.isDone() ? training.get().err() : "").as("the training goes on").isEmpty();
        assertThat(Processes.below("Main pretrain")).as("ranks").hasSize(2);
        List<ProcessHandle> executors = Processes.below("CoarseGrainedExecutorBackend");
        assertThat(executors).hasSize(2);
        executors.getLast().destroyForcibly();
        Cli result = training.get(5, TimeUnit.MINUTES).done();
        assertThat(result.err()).contains("is gone", "Spark starts the ranks again", "resuming after step");
        assertThat(run.resolve("model.safetensors")).hasSameBinaryContentAs(alone.resolve("model.safetensors"));
        assertThat(Processes.below("zhulong")).isEmpty();
    }

    @Test
    void whatARankGetsWrongItselfIsNotTriedAgain() {
        assumeThat(JARS).as("Apache Spark was never fetched: ./zhulong train-cluster --spark 'local[1]' does it").exists();
        System.setProperty(SparkDriver.CLASSPATH, JARS.toString());
        // a step of two batches is not shared by three ranks
        Cli result = Cli.run(pretrain(temporary.resolve("run"), 3, "train-cluster", "--spark", "local[3]"));
        assertThat(result.code()).isEqualTo(1);
        assertThat(result.err()).containsPattern("rank [012] failed on").contains("exit code 1", "multiple").doesNotContain("Spark starts the ranks again, attempt 3");
    }

    @Test
    void aMasterThatIsNoneOrTooSmallIsRefused() {
        Path run = temporary.resolve("run");
        for (List<Object> wrong : List.<List<Object>>of(List.of("--spark", "everywhere"), List.of("--spark", "local[0]"), List.of("--spark", "local[2]", "--nproc", 3),
                List.of("--spark", "spark://host:7077"), List.of("--spark", "spark://host:7077", "--nproc", 2), List.of("--spark", "local[2]", "--rank", 0))) {
            List<Object> all = new ArrayList<>(List.of("train-cluster"));
            all.addAll(wrong);
            assertThat(Cli.run(pretrain(run, 3, all.toArray())).code()).as("%s", wrong).isEqualTo(2);
        }
        assertThat(run).doesNotExist();
        Cli without = Cli.run(pretrain(run, 3, "train-cluster", "--spark", "local[2]"));
        assertThat(without.code()).isEqualTo(1);
        assertThat(without.err()).contains("start with ./zhulong");
    }
}
