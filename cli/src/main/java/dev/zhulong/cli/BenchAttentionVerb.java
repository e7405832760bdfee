package dev.zhulong.cli;

import dev.zhulong.bench.AttentionBench;
import dev.zhulong.formats.Reach;
import dev.zhulong.tensor.Libtorch;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** How attention grows with length. */
@Command(
        name = "attention",
        description = {
            "Time attention at several lengths, and report the power of the length that time and memory grow with.",
            "Causal, one sequence, F32, heads of 64. The powers are fitted by least squares of the logarithms. Beside the clock's time stands the "
                    + "processor's, of the calling thread: on a busy machine it says more. Memory is the peak above what was "
                    + "resident before, inputs and results included. Lengths at which dense attention would take more than 20 seconds are left out.",
        },
        footer = {
            "", "Examples:",
            "  zhulong bench attention",
            "  zhulong bench attention --kind block,dense --window 64 --lengths 512,1024,2048 --heads 4 --backward",
        })
final class BenchAttentionVerb extends Verb {
    private static final int HEAD_DIM = 64;
    private static final double MOST_SECONDS = 20;
    private static final int LONGEST = 1 << 22;

    /** Patterns. */
    enum Kind { window, block, global, dense }

    @Option(names = "--lengths", split = ",", paramLabel = "N", defaultValue = "2048,4096,8192,16384,32768", description = "Tokens (default ${DEFAULT-VALUE}).")
    List<Integer> lengths;

    @Option(names = "--kind", split = ",", paramLabel = "KIND", defaultValue = "window,global,block,dense", description = "Patterns of attention: "
            + "${COMPLETION-CANDIDATES} (default ${DEFAULT-VALUE}).")
    List<Kind> kinds;

    @Option(names = "--window", paramLabel = "N", defaultValue = "256", description = "Number of tokens in a window or a block (default ${DEFAULT-VALUE}).")
    int window;

    @Option(names = "--global", paramLabel = "N", defaultValue = "4", description = "Number of tokens that all attend to, for global (default ${DEFAULT-VALUE}).")
    int global;

    @Option(names = "--heads", paramLabel = "N", defaultValue = "8", description = "Number of heads (default ${DEFAULT-VALUE}).")
    int heads;

    @Option(names = "--backward", description = "Take gradients as well.")
    boolean backward;

    @Option(names = "--threads", paramLabel = "N", description = "Number of threads libtorch uses (default: OMP_NUM_THREADS, else all cores).")
    Integer threads;

    @Override
    protected void run() {
        if (window < 1 || global < 1 || heads < 1 || heads > 1024) {
            throw wrongUsage("--window and --global must be at least 1, --heads from 1 to 1024");
        }
        boolean rising = IntStream.range(1, lengths.size()).allMatch(i -> lengths.get(i - 1) < lengths.get(i));
        if (!rising || lengths.getFirst() < 1 || lengths.getLast() > LONGEST) {
            throw wrongUsage("--lengths must rise, from 1 to " + LONGEST + " tokens, found " + lengths);
        }
        Threads.check(spec.commandLine(), threads);
        if (threads != null) {
            Libtorch.threads(threads);
        }
        var shape = new AttentionBench.Shape(heads, HEAD_DIM, backward);
        for (Kind kind : kinds) {
            Reach reach = reach(kind);
            out().println(kind + (kind == Kind.dense ? "" : " of " + window) + (kind == Kind.global ? " and " + global + " tokens" : "")
                    + (backward ? ", forward and backward" : ", forward"));
            var points = AttentionBench.run(reach, lengths, shape, MOST_SECONDS, point -> out().println(point.line()));
            double memory = AttentionBench.exponentOfMemory(points);
            if (points.size() > 1) {
                out().println(String.format(Locale.ROOT, "  time grows with the length to the power of %.2f, the processor's time %.2f",
                        AttentionBench.exponentOfTime(points), AttentionBench.exponentOfProcessorTime(points))
                        + (Double.isFinite(memory) ? String.format(Locale.ROOT, ", memory %.2f", memory) : ""));
            }
        }
    }

    private Reach reach(Kind kind) {
        return switch (kind) {
            case window -> new Reach.Window(window);
            case block -> new Reach.Block(window);
            case global -> new Reach.Global(window, global);
            case dense -> Reach.WHOLE;
        };
    }
}
