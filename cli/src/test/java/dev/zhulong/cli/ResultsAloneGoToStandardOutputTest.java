package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Verbs that train: the result's path, for whatever comes behind a pipe; all that is said on the way is on standard error. */
class ResultsAloneGoToStandardOutputTest {
    @TempDir
    Path temporary;

    /** Runs a command line whose standard output is to be {@code result} and whose standard error is to say something. */
    private static void run(Path result, String says, Object... arguments) {
        PrintStream terminal = System.out;
        var past = new ByteArrayOutputStream();
        System.setOut(new PrintStream(past, true, StandardCharsets.UTF_8));
        Cli cli;
        try {
            cli = Cli.run(arguments).done();
        } finally {
            System.setOut(terminal);
        }
        assertThat(cli.out()).isEqualTo(result + System.lineSeparator());
        assertThat(cli.err()).contains(says);
        assertThat(past.toString(StandardCharsets.UTF_8)).as("past out()").isEmpty();
        assertThat(result).exists();
    }

    private static Object[] tiny(Object... first) {
        List<Object> all = new ArrayList<>(List.of(first));
        for (String setting : List.of("data.clean=false", "data.tokenizer.vocab_size=280", "model.hidden_size=16", "model.layers=1", "model.heads=2",
                "model.context_length=32", "train.steps=3", "train.warmup=1", "train.batch=2", "train.seq=32")) {
            all.addAll(List.of("--set", setting));
        }
        return all.toArray();
    }

    @Test
    void ofEveryVerbThatTrains() throws IOException {
        Path texts = Files.createDirectories(temporary.resolve("texts"));
        for (int i = 0; i < 20; i++) {
            Files.writeString(texts.resolve(i + ".txt"), TinyModel.text(i));
        }
        Path run = temporary.resolve("run");
        run(run, "step 3/3", tiny("pretrain", "--data", texts, "--out", run));
        run(run, "is finished", "resume", run);
        Path adapted = temporary.resolve("adapted");
        run(adapted, "held out", "continue", "--model", run, "--data", texts, "--steps", 2, "--set", "data.clean=false", "--set", "train.batch=2", "--out", adapted);
        Path rows = Files.write(temporary.resolve("rows.jsonl"), IntStream.range(0, 12).mapToObj(i -> "{\"prompt\": \"lamp " + i
                + "? \", \"completion\": \"lit\"}").toList());
        Path adapter = temporary.resolve("adapter");
        run(adapter, "estimated peak", "finetune", "--model", run, "--data", rows, "--steps", 2, "--batch", 2, "--seq", 32, "--out", adapter);
        run(adapter, "is finished", "resume", adapter);
        Path space = Files.writeString(temporary.resolve("space.yaml"), "method: random\ntrials: 2\nfields:\n  train.lr: {from: 1e-3, to: 1e-2, log: true}\n");
        Path search = temporary.resolve("search");
        run(search.resolve("best.yaml"), "best: ", tiny("tune", "--data", texts, "--space", space, "--out", search));
    }

    /** What cannot be trained is refused by its size, not by a number that overflowed on the way. */
    @Test
    void sizesWithoutLimitAreRefusedByName() throws IOException {
        Path model = TinyModel.write(temporary.resolve("model"));
        Path rows = Files.write(temporary.resolve("rows.jsonl"), List.of("{\"prompt\": \"lamp? \", \"completion\": \"lit\"}"));
        refused("rank must be at most", "finetune", "--model", model, "--data", rows, "--rank", 2_000_000_000, "--out", temporary.resolve("a"));
        refused("an adapter of rank 100 is larger than every projection it adapts: give a rank of at most 32", "finetune", "--model", model, "--data", rows,
                "--rank", 100, "--out", temporary.resolve("b"));
        refused("rank must be at most", "continue", "--model", model, "--data", rows, "--lora", 2_000_000_000, "--out", temporary.resolve("c"));
        refused("batch must be at most", "finetune", "--model", model, "--data", rows, "--batch", 2_000_000_000, "--out", temporary.resolve("d"));
        refused("this needs about", "pretrain", "--data", rows, "--set", "model.hidden_size=262144", "--set", "model.layers=4096", "--out", temporary.resolve("e"));
        assertThat(temporary).isDirectoryNotContaining("glob:**/[a-e]");
        Cli bench = Cli.run("bench", "train", "--batch", 2_000_000_000, "--seq", 2);
        assertThat(bench.code()).isEqualTo(2);
        assertThat(bench.err()).contains("--batch must be at most");
        Cli inspect = Cli.run("data", "inspect", "--model", model, "--data", rows, "--seq", Integer.MAX_VALUE);
        assertThat(inspect.code()).isEqualTo(2);
        assertThat(inspect.err()).contains("--seq must be at most");
    }

    private static void refused(String says, Object... arguments) {
        Cli cli = Cli.run(arguments);
        assertThat(cli.code()).as(cli.err()).isEqualTo(1);
        assertThat(cli.err()).startsWith("zhulong: ").contains(says).hasLineCount(1);
    }
}
