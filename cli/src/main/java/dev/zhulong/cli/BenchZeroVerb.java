package dev.zhulong.cli;

import dev.zhulong.bench.TrainBench;
import dev.zhulong.bench.ZeroBench;
import dev.zhulong.bench.ZeroBench.Expected;
import dev.zhulong.bench.ZeroBench.Measured;
import dev.zhulong.distribute.Collectives;
import dev.zhulong.distribute.Group;
import dev.zhulong.distribute.GroupVariables;
import dev.zhulong.distribute.Rendezvous;
import dev.zhulong.tensor.Libtorch;
import dev.zhulong.train.DataParallel;
import dev.zhulong.train.Ranks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** What ranks hold and send under the stages of ZeRO. */
@Command(
        name = "zero",
        description = {
            "Train a small decoder on random tokens among ranks that share its state as the stages of ZeRO say (train.zero), and print what a rank holds and sends beside the formulas of "
                    + "'zhulong plan', and a hash of the weights at the end, which is that of one process with as many batches a step.",
            "Sizes are in MiB and of the rank with the most: held while the optimizer moves the weights, as the state counts it and as malloc does (above the process without a model); the "
                    + "peak of resident memory, and the planned one; what is sent a step.",
        },
        footer = {
            "", "Examples:",
            "  zhulong bench zero",
            "  zhulong bench zero --ranks 2 --shape 30m --steps 6 --recompute",
        })
final class BenchZeroVerb extends Verb {
    /** Shapes by name. */
    enum Size {
        SMALL(new TrainBench.Shape(2048, 256, 6, 4, 4, 1024, 2, 64)),
        M30(new TrainBench.Shape(8192, 512, 7, 8, 8, 1408, 2, 128)),
        M120(new TrainBench.Shape(24000, 768, 12, 12, 12, 2048, 1, 128));

        private final TrainBench.Shape shape;

        Size(TrainBench.Shape shape) {
            this.shape = shape;
        }
    }

    @Option(names = "--ranks", paramLabel = "N", split = ",", defaultValue = "2,4", description = "Numbers of ranks, with commas between (default: ${DEFAULT-VALUE}).")
    List<Integer> ranks;

    @Option(names = "--stages", paramLabel = "N", split = ",", defaultValue = "0,1,2,3", description = "Stages, with commas between (default: ${DEFAULT-VALUE}).")
    List<Integer> stages;

    @Option(names = "--shape", paramLabel = "NAME", defaultValue = "small", description = "Model: small (7 million parameters), 30m or 120m (default: ${DEFAULT-VALUE}).")
    String size;

    @Option(names = "--steps", paramLabel = "N", defaultValue = "20", description = "Steps (default: ${DEFAULT-VALUE}).")
    int steps;

    @Option(names = "--micro", paramLabel = "N", defaultValue = "1", description = "Batches of a step on each rank (default: ${DEFAULT-VALUE}).")
    int micro;

    @Option(names = "--recompute", description = "Run layers again in backward in all stages, as stage 3 does anyway.")
    boolean recompute;

    @Option(names = "--result", hidden = true, description = "File that the first rank writes what it measured to.")
    Path result;

    private TrainBench.Shape shape() {
        return switch (size) {
            case "small" -> Size.SMALL.shape;
            case "30m" -> Size.M30.shape;
            case "120m" -> Size.M120.shape;
            default -> throw wrongUsage("--shape is small, 30m or 120m, found '" + size + "'");
        };
    }

    @Override
    protected void run() throws Exception {
        if (ranks.stream().anyMatch(n -> n < 1 || n > 64) || stages.stream().anyMatch(n -> n < 0 || n > 3) || steps < 2 || micro < 1) {
            throw wrongUsage("--ranks must be from 1 to 64, --stages from 0 to 3, --steps at least 2 and --micro at least 1");
        }
        TrainBench.Shape shape = shape();
        Optional<Group> group = GroupVariables.read(System.getenv());
        if (group.isPresent()) {
            measure(shape, group.get());
            return;
        }
        // unpacked once, before several look for it
        Libtorch.load();
        out().println(ZeroBench.head());
        boolean same = true;
        for (int n : ranks) {
            Measured one = round(1, 0, n * micro);
            out().println(ZeroBench.line("1 process", 0, 1, recompute, one, Expected.of(shape, 0, 1, recompute, n * micro)));
            for (int stage : n == 1 ? List.<Integer>of() : stages) {
                Measured m = round(n, stage, n * micro);
                out().println(ZeroBench.line(n + " ranks", stage, n, recompute || stage == 3, m, Expected.of(shape, stage, n, recompute, micro)));
                out().flush();
                // whole gradients of several batches are added up in another order
                same &= m.hash() == one.hash() || micro > 1 && stage < 2;
            }
        }
        if (!same) {
            throw new IllegalStateException("weights of ranks differ from those of one process with as many batches");
        }
    }

    /** What so many ranks have measured. */
    private Measured round(int of, int stage, int batches) throws IOException {
        Path file = Files.createTempFile("zhulong-bench", ".txt");
        byte[] key = Rendezvous.newKey();
        try (var rendezvous = Rendezvous.open("127.0.0.1", 0, of, 0, key, refused -> {})) {
            List<Group> groups = IntStream.range(0, of)
                    .mapToObj(i -> new Group(i, of, 0, "127.0.0.1", rendezvous.port(), "127.0.0.1", key, Duration.ofSeconds(60))).toList();
            RankProcesses.run(groups, Stream.concat(Stream.of("bench", "zero", "--shape", size, "--stages", stage, "--steps", steps, "--micro", batches / of, "--result", file)
                    .map(String::valueOf), recompute ? Stream.of("--recompute") : Stream.empty()).toList(), err()).require();
            return Measured.read(Files.readString(file));
        } finally {
            Files.delete(file);
        }
    }

    private void measure(TrainBench.Shape shape, Group group) throws IOException {
        // sums depend on the number of threads, which one process has more of
        Libtorch.threads(1);
        Collectives others = Collectives.join(group, refused -> {});
        try (Ranks parallel = new DataParallel(others)) {
            boolean alone = group.size() == 1;
            Measured mine = ZeroBench.run(shape, steps, stages.getFirst(), recompute, micro * group.size(), alone ? Ranks.ALONE : parallel, alone ? null : others);
            Measured most = ZeroBench.largest(mine, others);
            if (group.rank() == 0) {
                Files.writeString(result, most.line() + "\n");
            }
        }
    }
}
