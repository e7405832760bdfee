package dev.zhulong.cli;

import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.infer.open.Machine;
import dev.zhulong.recipe.FinetuneJob;
import dev.zhulong.recipe.PretrainJob;
import dev.zhulong.recipe.quickstart.Quickstart;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Goes on with an interrupted run. */
@Command(
        name = "resume",
        description = {
            "Continue a run of pretrain, continue, finetune or quickstart that was stopped at any moment, by Ctrl-C, a crash or a power "
                    + "cut.",
            "The run continues from its newest intact checkpoint and ends with the same bits as a run that was never stopped.",
            "For a finished run, the command shows the result again.",
        },
        footer = {"", "Example:", "  zhulong resume RUN"})
final class ResumeVerb extends Verb {
    @Parameters(paramLabel = "RUN", description = "Directory of the run.")
    Path run;

    @Override
    protected void run() {
        try (var line = ProgressLine.on(err())) {
            if (Quickstart.begunIn(run)) {
                Quickstart.resume(run, line, Machine.availableMemory());
            } else if (FinetuneJob.isIn(run)) {
                FinetuneJob.resume(run, line, Machine.availableMemory());
            } else {
                PretrainJob.resume(run, line, Machine.availableMemory());
            }
        }
        out().println(run);
    }
}
