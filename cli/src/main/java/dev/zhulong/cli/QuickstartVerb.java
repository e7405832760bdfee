package dev.zhulong.cli;

import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.infer.open.Machine;
import dev.zhulong.recipe.quickstart.Quickstart;
import dev.zhulong.recipe.quickstart.QuickstartOptions;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Raw text to a model that writes, in a few minutes. */
@Command(
        name = "quickstart",
        description = {
            "Go from raw text to a model that writes, in about ten minutes, with a report at the end.",
            "The command cleans a corpus, trains a tokenizer and a model whose size suits this machine, and evaluates it; where the "
                    + "corpus has methods with Javadoc, it then fine-tunes an adapter on them and compares what the model writes with it and "
                    + "without.",
            "An interrupted quickstart continues when the same command is given again.",
        },
        footer = {
            "",
            "Examples:",
            "  zhulong quickstart                                        the JDK's own sources, 5 minutes of training",
            "  zhulong quickstart --minutes 0.3                          a glance",
            "  zhulong quickstart --corpus texts --out runs/texts        your own texts",
            "  zhulong quickstart --plan runs/a/plan.json --out runs/b   the same run again, for reproducing it",
        })
final class QuickstartVerb extends Verb {
    @Option(names = "--minutes", defaultValue = "5", paramLabel = "N",
            description = "Minutes of training; fractions are allowed. Fine-tuning adds about a fifth of that, and the other steps come "
            + "on top (default: ${DEFAULT-VALUE}).")
    double minutes;

    @Option(names = "--out", defaultValue = "runs/quickstart", paramLabel = "DIR",
            description = "Run directory; in the end it is also the model directory (default: ./${DEFAULT-VALUE}).")
    Path out;

    @Option(names = "--corpus", paramLabel = "DIR",
            description = "Directory or archive of texts to learn from, instead of the JDK's sources.")
    Path corpus;

    @Option(names = "--seed", defaultValue = "0", paramLabel = "N", description = "Random seed of the whole run (default: "
            + "${DEFAULT-VALUE}).")
    long seed;

    @Option(names = "--plan", hidden = true, paramLabel = "FILE", description = "For reproducing a run: its plan.json.")
    Path plan;

    @Override
    protected void run() {
        if (!(minutes > 0 && minutes <= 1440)) {
            throw wrongUsage("--minutes must be a positive number up to 1440, found " + minutes);
        }
        try (var line = ProgressLine.on(err())) {
            Quickstart.run(new QuickstartOptions(minutes, out, Optional.ofNullable(corpus), seed, Optional.ofNullable(plan)), line,
                    Machine.availableMemory());
        }
        out().println(out);
    }
}
