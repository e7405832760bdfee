package dev.zhulong.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;

/** A pretraining of seconds, whose ranks can be lost half-way. */
final class TinyRun {
    private TinyRun() {}

    /** Texts to train on. */
    static Path texts(Path temporary) throws IOException {
        Path texts = Files.createDirectories(temporary.resolve("texts"));
        for (int i = 0; i < 20; i++) {
            Files.writeString(texts.resolve(i + ".txt"), TinyModel.text(i));
        }
        return texts;
    }

    /** Arguments of the command, behind {@code before}. */
    static Object[] pretrain(Path texts, Path run, int steps, int accumulation, int checkpointEvery, Object... before) {
        List<Object> all = new ArrayList<>(List.of(before));
        all.addAll(List.of("pretrain", "--data", texts, "--set", "data.clean=false", "--set", "data.tokenizer.vocab_size=280", "--set", "model.hidden_size=16", "--set",
                "model.layers=1", "--set", "model.heads=2", "--set", "model.context_length=32", "--set", "train.warmup=1", "--set", "train.batch=2", "--set", "train.seq=32", "--set",
                "train.checkpoint_every=" + checkpointEvery, "--set", "train.steps=" + steps, "--set", "train.accumulation=" + accumulation, "--out", run));
        return all.toArray();
    }

    /** Returns once the run has a checkpoint, or has ended. */
    static void awaitCheckpoint(Path run, Future<?> training) throws InterruptedException, IOException {
        while (!training.isDone()) {
            if (Files.isDirectory(run.resolve("checkpoints"))) {
                try (var checkpoints = Files.list(run.resolve("checkpoints"))) {
                    if (checkpoints.anyMatch(path -> path.getFileName().toString().matches("step-0*[1-9]\\d*"))) {
                        return;
                    }
                }
            }
            Thread.sleep(10);
        }
    }
}
