package dev.zhulong.cli;

import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.infer.open.Machine;
import dev.zhulong.recipe.FinetuneJob;
import dev.zhulong.recipe.PretrainJob;
import dev.zhulong.recipe.quickstart.Quickstart;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
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

    @Option(names = "--device", paramLabel = "DEVICE", description = "Device to compute on from here on: cpu, cuda (the first GPU) or cuda:N (default: the "
            + "one the run was begun on). Bits are the same only on the same device.")
    String device;

    @Override
    protected void run() {
        if (device != null && Quickstart.begunIn(run)) {
            throw wrongUsage("--device does not apply to a quickstart, which computes on the processor: leave it out");
        }
        try (var line = ProgressLine.on(err())) {
            if (Quickstart.begunIn(run)) {
                Quickstart.resume(run, line, Machine.availableMemory());
            } else if (FinetuneJob.isIn(run)) {
                FinetuneJob.resume(run, Optional.ofNullable(device), line, Machine.availableMemory());
            } else {
                PretrainJob.resume(run, Optional.ofNullable(device), line, Machine.availableMemory());
            }
        }
        out().println(run);
    }
}
