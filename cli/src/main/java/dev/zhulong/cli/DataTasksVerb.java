package dev.zhulong.cli;

import dev.zhulong.data.tune.SmallTasks;
import java.nio.file.Files;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Ten small tasks to try a mixture with. */
@Command(
        name = "tasks",
        description = {
            "Write ten small tasks with right answers (reverse, sort, count, feeling, number, spell, digits, largest, last, colour), and tasks.yaml, a "
                    + "mixture of all: rows of prompt and completion, to train on and held out, no prompt twice.",
        },
        footer = {
            "",
            "Examples:",
            "  zhulong data tasks --out tasks",
            "  zhulong finetune --model my-model --mixture tasks/tasks.yaml --alone --out adapters      all tasks in one adapter, and one for each",
        })
final class DataTasksVerb extends Verb {
    @Option(names = "--out", required = true, paramLabel = "DIR", description = "Directory to write the files to.")
    Path out;

    @Option(names = "--rows", paramLabel = "N", defaultValue = "500", description = "Rows of each task to train on (default 500).")
    int rows;

    @Option(names = "--held-out", paramLabel = "N", defaultValue = "50", description = "Rows of each task to score on (default 50).")
    int heldOut;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "1", description = "Random seed for the rows (default 1).")
    long seed;

    @Option(names = "--force", description = "Replace the files of an earlier call.")
    boolean force;

    @Override
    protected void run() {
        if (rows < 1 || heldOut < 1) {
            throw wrongUsage("--rows and --held-out must be at least 1");
        }
        if (Files.exists(out.resolve("tasks.yaml")) && !force) {
            throw new IllegalArgumentException(out.resolve("tasks.yaml") + " exists; --force replaces it and the files beside it");
        }
        SmallTasks.write(out, rows, heldOut, seed);
        out().println(out.resolve("tasks.yaml"));
    }
}
