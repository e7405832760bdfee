package dev.zhulong.cli;

import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.infer.open.Machine;
import dev.zhulong.recipe.distance.Distance;
import dev.zhulong.recipe.distance.Plan;
import dev.zhulong.recipe.distance.Report;
import dev.zhulong.tensor.Libtorch;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** How far models reach for an answer. */
@Command(
        name = "distance",
        description = {
            "Train small encoders of several sizes with dense attention, windows, and windows + global tokens to answer questions, and draw how often they are right "
                    + "by how many sentences away the evidence lies.",
            "The questions are made up (see 'zhulong data distance') and stand before the text; with global tokens, all tokens of the question are. Models of a size begin with the "
                    + "same random weights and are trained on the same rows, as 'zhulong finetune --task qa' trains an encoder: on short texts first, then on texts of all lengths.",
            "Through windows a question comes half a window further with each layer. Beyond that, a model can only guess, whatever its training.",
            "The result is DIR/report.html. If it is interrupted, the same command continues where it stopped.",
        },
        footer = {
            "", "Examples:",
            "  zhulong bench distance --out distance",
            "  zhulong bench distance --sizes 64x3,128x6 --window 64 --minutes 30 --out distance",
        })
final class BenchDistanceVerb extends Verb {
    private static final String REPORT = "report.html";

    @Option(names = "--sizes", paramLabel = "WIDTHxLAYERS", split = ",", defaultValue = "64x3,64x4", description = "Sizes of the models, separated by commas; widths are multiples of 32 "
            + "(default ${DEFAULT-VALUE}).")
    List<String> sizes;

    @Option(names = "--window", paramLabel = "N", defaultValue = "32", description = "Tokens of a window, half of them on either side; a sentence has 5 (default ${DEFAULT-VALUE}).")
    int window;

    @Option(names = "--sentences", paramLabel = "N", defaultValue = "60", description = "Sentences of a text that is measured (default ${DEFAULT-VALUE}).")
    int sentences;

    @Option(names = "--distances", paramLabel = "N", split = ",", defaultValue = "1,2,4,8,16,24,32,48,60", description = "Distances of the evidence to measure, in sentences "
            + "(default ${DEFAULT-VALUE}).")
    List<Integer> distances;

    @Option(names = "--rows", paramLabel = "N", defaultValue = "16000", description = "Number of questions to train on, besides half as many about short texts (default ${DEFAULT-VALUE}).")
    int rows;

    @Option(names = "--held-out", paramLabel = "N", defaultValue = "100", description = "Number of questions to measure for each distance (default ${DEFAULT-VALUE}).")
    int heldOut;

    @Option(names = "--steps", paramLabel = "N", defaultValue = "2000", description = "Training steps of each model, somewhat over half of them on short texts (default ${DEFAULT-VALUE}).")
    long steps;

    @Option(names = "--batch", paramLabel = "N", defaultValue = "32", description = "Questions of a step (default ${DEFAULT-VALUE}).")
    int batch;

    @Option(names = "--lr", paramLabel = "N", defaultValue = "3e-3", description = "Peak learning rate (default ${DEFAULT-VALUE}).")
    double lr;

    @Option(names = "--minutes", paramLabel = "N", description = "Minutes that all of it may take: each model is timed for a few steps first, and all make as many steps as fit, up to --steps "
            + "(default: as long as the steps take).")
    double minutes;

    @Option(names = "--threads", paramLabel = "N", description = "Number of threads libtorch uses; such small models gain little from a second one, and lose much where other "
            + "programs use it (default: OMP_NUM_THREADS, else all cores).")
    Integer threads;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "1", description = "Random seed for texts, weights and the order of rows (default ${DEFAULT-VALUE}).")
    long seed;

    @Option(names = "--out", required = true, paramLabel = "DIR", description = "Directory to create for the models and the report, or that of an earlier start with the same options, "
            + "which then continues.")
    Path out;

    @Override
    protected void run() {
        if (!(minutes >= 0)) {
            throw wrongUsage("--minutes must not be negative, found " + minutes);
        }
        Threads.check(spec.commandLine(), threads);
        if (threads != null) {
            Libtorch.threads(threads);
        }
        var plan = new Plan(sizes, window, sentences, distances, rows, heldOut, steps, batch, lr, seed);
        Distance.Result result;
        try (var line = ProgressLine.on(err())) {
            result = Distance.run(plan, minutes, out, line, Machine.availableMemory());
        }
        Report.lines(result).forEach(out()::println);
        Report.write(out.resolve(REPORT), result);
        out().println(out.resolve(REPORT));
    }
}
