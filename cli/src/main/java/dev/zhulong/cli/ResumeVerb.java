package dev.zhulong.cli;

import dev.zhulong.recipe.jobs.Jobs;
import dev.zhulong.recipe.quickstart.QuickstartJob;
import java.nio.file.Path;
import java.util.List;
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
        if (device != null && Jobs.in(run, List.of()) instanceof QuickstartJob) {
            throw wrongUsage("--device does not apply to a quickstart, which computes on the processor: leave it out");
        }
        JobVerb.run(this, Jobs.in(run, device == null ? List.of() : List.of("device=" + device)), run);
    }
}
