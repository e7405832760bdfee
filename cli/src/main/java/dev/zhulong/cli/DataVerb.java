package dev.zhulong.cli;

import picocli.CommandLine.Command;

/** The verbs for fine-tuning data. */
@Command(
        name = "data",
        description = "Inspect fine-tuning data, or make some to try things with.",
        subcommands = {DataInspectVerb.class, DataTasksVerb.class, DataDistanceVerb.class},
        footer = {"", "Example:", "  zhulong data inspect --model my-model --data train.jsonl"})
final class DataVerb extends Verb {
    @Override
    protected void run() {
        throw wrongUsage("choose what to do: zhulong data inspect, zhulong data tasks or zhulong data distance");
    }
}
