package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A server and two workers as processes. */
class AServedTrainingMissesNoWorkerTest {
    @TempDir
    Path temporary;

    /** Without staleness the bits are those of one process, though one of the workers is killed after the first checkpoint. */
    @Test
    void thatIsKilled() throws Exception {
        Path texts = TinyRun.texts(temporary);
        Path alone = temporary.resolve("alone");
        Cli.run(TinyRun.pretrain(texts, alone, 100, 2, 5)).done();
        Path served = temporary.resolve("served");
        var training = CompletableFuture.supplyAsync(() -> Cli.run(TinyRun.pretrain(texts, served, 100, 2, 5, "train-cluster", "--nproc", 2, "--staleness", 0)));
        TinyRun.awaitCheckpoint(served, training);
        List<ProcessHandle> ranks = ProcessHandle.current().children().filter(child -> child.info().command().orElse("").endsWith("java"))
                .sorted(Comparator.comparingLong(ProcessHandle::pid)).toList();
        assertThat(ranks).hasSize(3);
        ranks.getLast().destroyForcibly();
        training.get(5, TimeUnit.MINUTES).done();
        assertThat(served.resolve("model.safetensors")).hasSameBinaryContentAs(alone.resolve("model.safetensors"));
        assertThat(served.resolve("metrics.jsonl")).content().contains("\"stalest_gradient\":0");
    }

    @Test
    void whatDoesNotGoTogetherIsRefused() throws Exception {
        Path texts = TinyRun.texts(temporary);
        Path run = temporary.resolve("run");
        Object[] compressed = TinyRun.pretrain(texts, run, 3, 2, 5, "train-cluster", "--nproc", 1, "--staleness", 1);
        Object[] all = java.util.Arrays.copyOf(compressed, compressed.length + 2);
        all[compressed.length] = "--compress";
        all[compressed.length + 1] = "int8";
        assertThat(Cli.run(all).code()).isEqualTo(1);
        assertThat(run).doesNotExist();
        for (List<Object> wrong : List.<List<Object>>of(List.of("train-cluster", "--nproc", 2, "--staleness", -1, "resume", "x"),
                List.of("train-cluster", "--spark", "local[2]", "--staleness", 1, "resume", "x"))) {
            assertThat(Cli.run(wrong.toArray()).code()).as("%s", wrong).isEqualTo(2);
        }
        Cli unknown = Cli.run("pretrain", "--data", texts, "--compress", "zip", "--out", run);
        assertThat(unknown.code()).isEqualTo(1);
        assertThat(unknown.err()).contains("compress must be none, bf16, int8, topk:SHARE");
        assertThat(Cli.run("pretrain", "--data", texts, "--compress", "int8", "--precision", "fp16", "--out", run).err()).contains("fp16 throws gradients away");
    }
}
