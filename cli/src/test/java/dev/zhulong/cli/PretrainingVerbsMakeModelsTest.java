package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PretrainingVerbsMakeModelsTest {
    private static final List<Object> TINY = List.of("--set", "data.clean=false", "--set", "data.tokenizer.vocab_size=280", "--set",
            "model.hidden_size=16", "--set", "model.layers=1", "--set", "model.heads=2", "--set", "model.context_length=32", "--set",
            "train.steps=3", "--set", "train.warmup=1", "--set", "train.batch=2", "--set", "train.seq=32");

    @TempDir
    Path temporary;

    private static Cli tiny(Object... first) {
        List<Object> all = new ArrayList<>(Arrays.asList(first));
        all.addAll(TINY);
        return Cli.run(all.toArray());
    }

    private Path texts() throws IOException {
        Path texts = Files.createDirectories(temporary.resolve("texts"));
        for (int i = 0; i < 20; i++) {
            Files.writeString(texts.resolve(i + ".txt"), TinyModel.text(i));
        }
        return texts;
    }

    @Test
    void pretrainThenContinueThenGenerate() throws IOException {
        Path texts = texts();
        Path run = temporary.resolve("run");
        tiny("pretrain", "--data", texts, "--out", run).done();
        byte[] weights = Files.readAllBytes(run.resolve("model.safetensors"));
        Cli.run("resume", run).done();
        assertThat(run.resolve("model.safetensors")).hasBinaryContent(weights);
        Cli.run("generate", "--model", run, "--prompt", "The lamp", "--max-new-tokens", 4).done();

        Path adapted = temporary.resolve("adapted");
        Cli.run("continue", "--model", run, "--data", texts, "--replay", texts, "--replay-share", 0.5, "--steps", 2, "--lr", "1e-3",
                "--set", "data.clean=false", "--set", "train.batch=2", "--out", adapted).done();
        assertThat(adapted.resolve("evaluation-before.json")).hasSameTextualContentAs(run.resolve("evaluation.json"));
        assertThat(adapted.resolve("recipe.yaml")).content().contains("steps: 2", "lr: 0.001", "share: 0.5");

        Cli changed = tiny("pretrain", "--data", texts, "--out", run, "--set", "seed=5");
        assertThat(changed.code()).isEqualTo(1);
        assertThat(changed.err()).startsWith("zhulong: ").contains("seed is 1 there and 5 here").hasLineCount(1);
    }

    @Test
    void whatIsWrongIsSaidInALineAndLeavesNothing() throws IOException {
        Path texts = texts();
        Path run = temporary.resolve("run");
        failed(1, "absent", "pretrain", "--data", temporary.resolve("absent"), "--out", run);
        failed(1, "did you mean steps?", "pretrain", "--data", texts, "--set", "train.stepz=4", "--out", run);
        failed(1, "expected a whole number", "pretrain", "--data", texts, "--set", "train.steps=many", "--out", run);
        failed(1, "no such recipe", "pretrain", "--recipe", temporary.resolve("no.yaml"), "--out", run);
        failed(1, "config.json", "continue", "--model", texts, "--data", texts, "--out", run);
        failed(1, "recipe.yaml", "resume", texts);
        failed(2, "--out", "pretrain", "--data", texts);
        failed(2, "nothing to train on", "pretrain", "--out", run);
        failed(2, "between 0 and 1", "continue", "--model", texts, "--data", texts, "--replay", texts, "--replay-share", 2, "--out", run);
        failed(2, "at least 1", "continue", "--model", texts, "--data", texts, "--steps", 0, "--out", run);
        assertThat(run).doesNotExist();
    }

    private static void failed(int code, String says, Object... arguments) {
        Cli cli = Cli.run(arguments);
        assertThat(cli.code()).as(cli.err()).isEqualTo(code);
        assertThat(cli.err()).startsWith("zhulong: ").contains(says);
        assertThat(cli.err().lines()).as("one line, and for wrong usage where help is").hasSize(code);
    }

    @Test
    void fieldsAreShown() {
        assertThat(Cli.run("pretrain", "--fields").done().out()).contains("train.steps", "optimizer steps", "replay.share");
    }
}
