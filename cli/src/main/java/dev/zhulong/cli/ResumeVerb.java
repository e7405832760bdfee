package dev.zhulong.cli;

import dev.zhulong.recipe.FinetuneJob;
import dev.zhulong.recipe.PretrainJob;
import dev.zhulong.recipe.quickstart.Quickstart;
import dev.zhulong.train.log.ProgressLine;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Goes on with an interrupted run. */
@Command(
        name = "resume",
        description = {
            "Go on with a run (pretrain, continue, finetune, quickstart) that was stopped, by Ctrl-C, a crash or a loss of power, at any moment.",
            "It goes on from its newest whole checkpoint and ends in the same bits as a run that was never stopped.",
            "A finished run shows its result again."
        },
        footer = {"", "Example:", "  zhulong resume RUN"})
final class ResumeVerb extends Verb {
    @Parameters(paramLabel = "RUN", description = "Directory of the run.")
    Path run;

    @Override
    protected void run() {
        if (Quickstart.begunIn(run)) {
            Quickstart.resume(run, System.out);
            return;
        }
        try (var line = ProgressLine.on(System.out)) {
            if (FinetuneJob.isIn(run)) {
                FinetuneJob.resume(run, line, Machine.availableMemory());
                return;
            }
            PretrainJob.resume(run, line);
        }
    }
}
