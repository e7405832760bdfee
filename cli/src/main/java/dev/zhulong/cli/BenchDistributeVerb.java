package dev.zhulong.cli;

import dev.zhulong.bench.DistributeBench;
import dev.zhulong.bench.DistributeBench.Steps;
import dev.zhulong.bench.TrainBench;
import dev.zhulong.distribute.Call;
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
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Several ranks beside one process. */
@Command(
        name = "distribute",
        description = {
            "Time the training step of 'bench train' in one process with all threads, and among ranks that share these threads, in turn, and an all-reduce among the ranks.",
            "Each rank has a batch of its own. Shares are of the one process's: tokens/s, and processor time a token, of all ranks together. Each line gives the median "
                    + "of the rounds.",
        },
        footer = {
            "", "Examples:",
            "  zhulong bench distribute",
            "  zhulong bench distribute --vocab 512 --hidden 128 --layers 4 --heads 4 --ffn 1024 \\",
            "      --batch 12 --seq 64 --steps 60",
        })
final class BenchDistributeVerb extends Verb {
    @Option(names = "--ranks", paramLabel = "N", defaultValue = "2", description = "Number of ranks (default: ${DEFAULT-VALUE}).")
    int ranks;

    @Option(names = "--vocab", paramLabel = "N", defaultValue = "4096", description = "Vocabulary (default: ${DEFAULT-VALUE}).")
    int vocab;

    @Option(names = "--hidden", paramLabel = "N", defaultValue = "384", description = "Width of the residual stream (default: ${DEFAULT-VALUE}).")
    int hidden;

    @Option(names = "--layers", paramLabel = "N", defaultValue = "6", description = "Number of blocks (default: ${DEFAULT-VALUE}).")
    int layers;

    @Option(names = "--heads", paramLabel = "N", defaultValue = "6", description = "Number of heads (default: ${DEFAULT-VALUE}).")
    int heads;

    @Option(names = "--ffn", paramLabel = "N", defaultValue = "1024", description = "Width of the MLP (default: ${DEFAULT-VALUE}).")
    int ffn;

    @Option(names = "--batch", paramLabel = "N", defaultValue = "8", description = "Sequences a step on each rank (default: ${DEFAULT-VALUE}).")
    int batch;

    @Option(names = "--seq", paramLabel = "N", defaultValue = "256", description = "Tokens a sequence (default: ${DEFAULT-VALUE}).")
    int seq;

    @Option(names = "--steps", paramLabel = "N", defaultValue = "12", description = "Steps a round, of which the first third does not count (default: ${DEFAULT-VALUE}).")
    int steps;

    @Option(names = "--rounds", paramLabel = "N", defaultValue = "3", description = "Rounds (default: ${DEFAULT-VALUE}).")
    int rounds;

    @Option(names = "--exchange", paramLabel = "MIB", defaultValue = "64", description = "MiB of the all-reduce (default: ${DEFAULT-VALUE}).")
    int exchange;

    @Option(names = "--result", hidden = true, description = "File that the first rank writes what it measured to.")
    Path result;

    @Override
    protected void run() throws Exception {
        if (Stream.of(ranks, vocab, hidden, layers, heads, ffn, batch, seq, steps, rounds, exchange).anyMatch(n -> n < 1 || n > 1 << 20)) {
            throw wrongUsage("each number must be from 1 to " + (1 << 20));
        }
        if (hidden % heads != 0 || hidden / heads % 2 != 0) {
            throw wrongUsage("--hidden must be an even multiple of --heads");
        }
        Optional<Group> group = GroupVariables.read(System.getenv());
        if (group.isPresent()) {
            measure(group.get());
            return;
        }
        // unpacked once, before several look for it
        Libtorch.load();
        double[][] one = new double[rounds][];
        double[][] several = new double[rounds][];
        for (int round = 0; round < rounds; round++) {
            one[round] = round(1);
            several[round] = round(ranks);
        }
        line("1 process", 1, one, one);
        line(ranks + (ranks == 1 ? " rank" : " ranks"), ranks, several, one);
        out().printf(Locale.ROOT, "all-reduce of %d MiB: %.1f ms%n", exchange, 1e3 * median(several, 2));
    }

    private void line(String name, int size, double[][] of, double[][] one) {
        double tokens = (double) batch * seq * size / median(of, 0);
        double processor = median(of, 1) / size;
        out().printf(Locale.ROOT, "%s: %.0f tokens/s (%.3f), %.1f ms a step, %.1f ms of processor time for each batch (%.3f), loss %.4f%n", name, tokens,
                tokens / (batch * seq / median(one, 0)), 1e3 * median(of, 0), 1e3 * processor, processor / median(one, 1), of[0][3]);
    }

    private static double median(double[][] rounds, int field) {
        return DistributeBench.median(Arrays.stream(rounds).mapToDouble(each -> each[field]).toArray());
    }

    /** What the first of so many ranks has measured. */
    private double[] round(int size) throws IOException {
        Path file = Files.createTempFile("zhulong-bench", ".txt");
        byte[] key = Rendezvous.newKey();
        try (var rendezvous = Rendezvous.open("127.0.0.1", 0, size, 0, key, refused -> {})) {
            List<Group> groups = IntStream.range(0, size)
                    .mapToObj(i -> new Group(i, size, 0, "127.0.0.1", rendezvous.port(), "127.0.0.1", key, Duration.ofSeconds(60))).toList();
            RankProcesses.run(groups, Stream.of("bench", "distribute", "--vocab", vocab, "--hidden", hidden, "--layers", layers, "--heads", heads, "--ffn", ffn, "--batch", batch,
                    "--seq", seq, "--steps", steps, "--exchange", exchange, "--result", file).map(String::valueOf).toList(), err()).require();
            return Arrays.stream(Files.readString(file).trim().split(" ")).mapToDouble(Double::parseDouble).toArray();
        } finally {
            Files.delete(file);
        }
    }

    private void measure(Group group) throws IOException {
        var shape = new TrainBench.Shape(vocab, hidden, layers, heads, heads, ffn, batch, seq);
        Collectives others = Collectives.join(group, refused -> {});
        try (Ranks parallel = new DataParallel(others)) {
            double exchanged = DistributeBench.allReduce(others, (long) exchange << 20, 20);
            Steps mine = TrainBench.among(shape, steps, group.size() == 1 ? Ranks.ALONE : parallel);
            double processor = Arrays.stream(others.gather(new Call(steps, "processor time"), mine.processor())).mapToDouble(each -> each[0]).sum();
            if (group.rank() == 0) {
                Files.writeString(result, mine.seconds() + " " + processor + " " + exchanged + " " + mine.loss() + "\n");
            }
        }
    }
}
