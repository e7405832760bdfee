package dev.zhulong.cli;

import dev.zhulong.bench.TranslateBench;
import dev.zhulong.tensor.Libtorch;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Both engines of an encoder–decoder side by side. */
@Command(
        name = "translate",
        description = {
            "Time an encoder–decoder of T5-small's shape and random weights on the cpu engine and on torch, in turns, and report tokens per second and their ratio.",
            "Medians of the rounds; encoding the sources is included, and nothing ends a text before its length.",
        },
        footer = {
            "", "Examples:",
            "  zhulong bench translate",
            "  zhulong bench translate --texts 8 --beams 4 --weights q8_0",
        })
final class BenchTranslateVerb extends Verb {
    @Option(names = "--texts", paramLabel = "N", defaultValue = "1", description = "Number of texts written side by side (default: ${DEFAULT-VALUE}).")
    int texts;

    @Option(names = "--source", paramLabel = "N", defaultValue = "64", description = "Number of tokens of each text that is read (default: ${DEFAULT-VALUE}).")
    int source;

    @Option(names = "--tokens", paramLabel = "N", defaultValue = "64", description = "Number of tokens written of each text (default: ${DEFAULT-VALUE}).")
    int tokens;

    @Option(names = "--beams", paramLabel = "N", defaultValue = "1", description = "Number of beams of each text (default: ${DEFAULT-VALUE}).")
    int beams;

    @Option(names = "--rounds", paramLabel = "N", defaultValue = "5", description = "Number of runs of each engine (default: ${DEFAULT-VALUE}).")
    int rounds;

    @Option(names = "--weights", paramLabel = "TYPE", defaultValue = "STORED", description = "Type of the cpu engine's matrices: stored (F32), q8_0, q4_0, int4, int4_asym"
            + " (default: stored).")
    EngineOptions.Weights weights;

    @Option(names = "--threads", paramLabel = "N", description = "Number of threads of both engines (default: OMP_NUM_THREADS, else all cores).")
    Integer threads;

    @Override
    protected void run() {
        if (texts < 1 || source < 1 || tokens < 1 || beams < 1 || rounds < 1 || (long) texts * beams > 1024) {
            throw wrongUsage("--texts, --source, --tokens, --beams and --rounds must be at least 1, and texts times beams at most 1024");
        }
        Threads.check(spec.commandLine(), threads);
        if (threads != null) {
            Libtorch.threads(threads);
        }
        var work = new TranslateBench.Work(texts, source, tokens, beams, rounds, Libtorch.threads(), weights.type());
        TranslateBench.Result result = TranslateBench.run(work, seconds -> out().println(String.format(Locale.ROOT, "  cpu %.3f s, torch %.3f s", seconds[0], seconds[1])));
        out().println(String.format(Locale.ROOT, "%d texts of %d tokens to %d tokens each, %d beams: cpu %s %,.1f tokens/s, torch f32 %,.1f tokens/s, ratio %.2f", texts, source, tokens,
                beams, weights == EngineOptions.Weights.STORED ? "f32" : weights.name().toLowerCase(Locale.ROOT), result.cpu(), result.torch(), result.ratio()));
    }
}
