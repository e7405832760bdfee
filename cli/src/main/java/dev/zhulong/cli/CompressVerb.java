package dev.zhulong.cli;

import dev.zhulong.compress.ladder.Goal;
import dev.zhulong.compress.ladder.Goal.Of;
import dev.zhulong.compress.ladder.Ladder;
import dev.zhulong.compress.ladder.LadderPage;
import dev.zhulong.compress.ladder.Outcome;
import dev.zhulong.data.read.DocumentReader;
import dev.zhulong.data.read.ReadOptions;
import dev.zhulong.data.read.ReadReport;
import dev.zhulong.formats.LockFile;
import dev.zhulong.formats.Sizes;
import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.tensor.Libtorch;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** A model made as small as asked for, or none. */
@Command(
        name = "compress",
        description = {
            "Make a model as small as you ask for without letting it fall below a floor of quality: ways to do it are tried from the cheapest on, and the first that is small enough, good "
                    + "enough and fast enough is written as a GGUF file. Where none is, nothing is written, the nearest ones are shown, and the exit code is 1.",
            "Give texts of the kind that the model will be used for. A part of them calibrates; the rest, which nothing else reads, judges: how far probabilities move (KL divergence), how far "
                    + "perplexity rises, and whether the model writes in circles or comes to an end as it did. Both upper ends of the 95 %% intervals have to stay below the floor.",
            "Sizes are those of weights and tokenizer on the disk. --smaller is counted from 32 bits a weight unless --of says otherwise; all three baselines are printed.",
            "What was tried is kept in OUT.compress, with a page that shows size against quality. The same command goes on from there.",
        },
        footer = {
            "", "Examples:",
            "  zhulong compress --model my-model --smaller 90%% --text texts/*.txt --out small.gguf",
            "  zhulong compress --model my-model --smaller 75%% --of f16 --quality-floor 2%% \\",
            "      --faster 2 --minutes 60 --text texts.jsonl --out small.gguf",
        })
final class CompressVerb extends Verb {
    private static final String REPORT = "report.html";

    @Option(names = "--model", required = true, paramLabel = "DIR", description = "Model directory in the Hugging Face layout.")
    Path model;

    @Option(names = "--smaller", required = true, paramLabel = "PERCENT", description = "Share of the size to save in percent, such as 90 or 80.5.")
    String smaller;

    @Option(names = "--of", paramLabel = "SIZE", description = "What --smaller is counted from: f32 or f16 (the weights in 32 or 16 bits), or stored (the files as they are) (default: f32).")
    Of of = Of.F32;

    @Option(names = "--quality-floor", paramLabel = "PERCENT", description = "The most that perplexity, and the exponential of the KL divergence, may rise on text never seen "
            + "(default: 5 percent).")
    String floor = "5%";

    @Option(names = "--faster", paramLabel = "N", description = "Times the speed of writing to reach as well, such as 3 (default: any speed).")
    double faster;

    @Option(names = "--minutes", paramLabel = "N", description = "Time after which nothing new is tried (default: ${DEFAULT-VALUE}).")
    double minutes = 30;

    @Option(names = "--text", arity = "1..*", paramLabel = "PATH", description = "Files, directories or archives of text of the kind that the model will be used for "
            + "(default: texts that the model writes itself; what it will be used for, they do not know).")
    List<Path> text = List.of();

    @Option(names = "--field", paramLabel = "NAME", description = "Field or column of the text where --text names rows (default: text).")
    String field;

    @Option(names = "--out", required = true, paramLabel = "FILE", description = "GGUF file to write.")
    Path out;

    @Option(names = "--repeat", paramLabel = "FILE", description = "compress.json of an earlier run with the same model, texts and goal: makes the same file again, without trying the other ways.")
    Path repeat;

    @Option(names = "--best-effort", description = "Write the best that is small enough even if it misses the floor or the speed.")
    boolean bestEffort;

    @Option(names = "--force", description = "Replace --out if it exists.")
    boolean force;

    @Option(names = "--overwrite", hidden = true, description = "A former name of --force.")
    void overwrite(boolean on) {
        force |= on;
    }

    @Option(names = "--threads", paramLabel = "N", description = "Number of threads (default: OMP_NUM_THREADS, else all cores).")
    Integer threads;

    private boolean reached;

    @Override
    protected void run() {
        Threads.check(spec.commandLine(), threads);
        Goal goal = goal();
        if (field != null && text.isEmpty()) {
            throw wrongUsage("--field says where in the rows of --text the text is: give both or none");
        }
        requireModelAndOut();
        if (threads != null) {
            Libtorch.threads(threads);
        }
        LockFile lock = lock();
        try (var status = ProgressLine.on(err())) {
            climb(goal, status);
        } finally {
            lock.remove();
        }
    }

    private LockFile lock() {
        Path directory = Ladder.directory(out).toAbsolutePath();
        try {
            Files.createDirectories(directory.getParent());
        } catch (IOException e) {
            throw new UncheckedIOException("cannot make " + directory.getParent() + ": " + e, e);
        }
        return LockFile.hold(directory.resolveSibling(directory.getFileName() + ".lock"), "another call is making " + out + ": wait for it, or name another --out");
    }

    private void climb(Goal goal, ProgressLine status) {
        List<String> documents = documents();
        if (repeat != null) {
            Ladder.repeat(repeat, out);
        }
        try (var ladder = new Ladder(model, documents, goal, out, bestEffort, threads != null ? threads : Libtorch.threads(), status)) {
            if (repeat != null && ladder.isNew()) {
                throw new IllegalArgumentException(repeat + " is of another model or of other texts: give those that it was made with, or leave out --repeat");
            }
            Outcome outcome = ladder.run();
            status.close();
            Path page = Ladder.directory(out).resolve(REPORT);
            LadderPage.write(page, outcome, model.toString());
            say(outcome, page);
            reached = outcome.reached();
        }
    }

    @Override
    int code() {
        return reached ? Main.DONE : Main.FAILED;
    }

    private void say(Outcome outcome, Path page) {
        if (text.isEmpty()) {
            err().println("calibrated and judged on texts that the model wrote itself: whether the floor holds for your use, only --text with texts of that kind can say");
        }
        outcome.notes().forEach(err()::println);
        outcome.chosen().ifPresent(chosen -> out().println(out + ": " + Outcome.line(chosen, outcome.before(), outcome.goal())));
        if (!outcome.reached()) {
            if (outcome.chosen().isEmpty()) {
                outcome.nearest().forEach(out()::println);
            }
            err().println(String.format(Locale.ROOT, "zhulong: %s: no way was found that has at most %s and keeps a floor of %s%s; see %s, %s", outcome.chosen().isPresent() ? out + " misses the goal" : "nothing was written",
                    Sizes.of(outcome.goal().bytes(outcome.before())), floor, faster > 0 ? String.format(Locale.ROOT, " at %.3g times the speed", faster) : "", page,
                    outcome.chosen().isPresent() ? "or ask for less" : "ask for less, or take the best there is with --best-effort"));
        }
    }

    private Goal goal() {
        try {
            return new Goal(percent("--smaller", smaller), of, percent("--quality-floor", floor), faster, Duration.ofMillis(Math.round(minutes * 60_000)));
        } catch (IllegalArgumentException e) {
            throw wrongUsage(e.getMessage());
        }
    }

    private double percent(String option, String value) {
        try {
            return Percent.of(value);
        } catch (NumberFormatException e) {
            throw wrongUsage(option + " must be a percentage such as 90%, found '" + value + "'");
        }
    }

    private void requireModelAndOut() {
        if (!Files.isDirectory(model)) {
            throw new IllegalArgumentException(Files.exists(model) ? model + " is a file: name the model's directory in the Hugging Face layout, of which more can be saved than of a GGUF file; "
                    + "or quantize the file with zhulong quantize" : "no such model: " + model + "; name a directory in the Hugging Face layout");
        }
        if (!out.toString().toLowerCase(Locale.ROOT).endsWith(".gguf")) {
            throw wrongUsage("a GGUF file is written: name one with --out, such as " + out + ".gguf");
        }
        if (Files.isDirectory(out)) {
            throw new IllegalArgumentException(out + " is a directory; name a file with --out");
        }
        Outputs.requireRegular(out, "--out");
        if (Files.exists(out) && !force) {
            throw new IllegalArgumentException(out + " exists already; choose another --out, or replace it with --force");
        }
    }

    private List<String> documents() {
        var documents = new ArrayList<String>();
        var report = new ReadReport();
        for (Path path : text) {
            if (!Files.exists(path)) {
                throw new IllegalArgumentException("no such file: " + path);
            }
        }
        ReadOptions options = field == null ? ReadOptions.DEFAULT : ReadOptions.DEFAULT.withField(field);
        new DocumentReader(options, report).read(text, document -> documents.add(document.text()));
        if (!text.isEmpty() && documents.isEmpty()) {
            throw new IllegalArgumentException("no text was read: " + report);
        }
        return documents;
    }
}
