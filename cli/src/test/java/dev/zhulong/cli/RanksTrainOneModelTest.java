package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RanksTrainOneModelTest {
    @TempDir
    Path temporary;

    private Path texts;

    @BeforeEach
    void writeTexts() throws IOException {
        texts = TinyRun.texts(temporary);
    }

    private Object[] pretrain(Path run, int steps, int accumulation, Object... before) {
        return TinyRun.pretrain(texts, run, steps, accumulation, 5, before);
    }

    /** The second rank is killed after the first checkpoint; what the first then does alone ends in the bits of a run that was alone from the beginning. */
    @Test
    void andEndInTheBitsOfOneProcessThoughOneIsKilled() throws Exception {
        Path alone = temporary.resolve("alone");
        Cli.run(pretrain(alone, 200, 2)).done();
        Path together = temporary.resolve("together");
        var training = CompletableFuture.supplyAsync(() -> Cli.run(pretrain(together, 200, 2, "train-cluster", "--nproc", 2)));
        TinyRun.awaitCheckpoint(together, training);
        List<ProcessHandle> ranks = ProcessHandle.current().children().filter(child -> child.info().command().orElse("").endsWith("java"))
                .sorted(Comparator.comparingLong(ProcessHandle::pid)).toList();
        assertThat(ranks).hasSize(2);
        ranks.getLast().destroyForcibly();
        Cli result = training.get(5, TimeUnit.MINUTES).done();
        assertThat(result.err()).contains("lost rank 1", "with 1 rank");
        assertThat(together.resolve("model.safetensors")).hasSameBinaryContentAs(alone.resolve("model.safetensors"));
    }

    @Test
    void whatTheyCannotShareIsRefused() {
        assertThat(Cli.run(pretrain(temporary.resolve("run"), 3, 1, "train-cluster", "--nproc", 2)).code()).isEqualTo(1);
        assertThat(temporary.resolve("run")).doesNotExist();
        for (List<Object> wrong : List.<List<Object>>of(List.of("train-cluster", "pretrain"), List.of("train-cluster", "--nproc", 2, "clean"), List.of("train-cluster", "--nproc", 0, "resume", "x"),
                List.of("train-cluster", "--rank", 0, "resume", "x"), List.of("train-cluster", "--rank", 0, "--world-size", 2, "--master", "here", "--key-file", "k", "resume", "x"))) {
            assertThat(Cli.run(wrong.toArray()).code()).as("%s", wrong).isEqualTo(2);
        }
    }
}
