package dev.zhulong.cli;

import dev.zhulong.bench.EncoderBench;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.embedding.EmbeddingConfig;
import dev.zhulong.infer.open.EngineChoice;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.open.OpenEncoder;
import dev.zhulong.tensor.Libtorch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Speed of encoders. */
@Command(
        name = "encoder",
        description = {
            "Time embeddings: batches of texts of one length, from token ids to vectors, on the engines and weights that are named.",
            "All of them run in turn in every round, so that a busy machine slows all alike; each line gives the median of the rounds. GFLOP/s count matrix "
                    + "products alone. Processor time is that of all threads together: on a machine that others use, it says more than texts/s. Weights of q8_0 are "
                    + "multiplied by activations of 8 bits, with a scale for every 32 of either.",
        },
        footer = {
            "", "Examples:",
            "  zhulong bench encoder",
            "  zhulong bench encoder --model all-MiniLM-L6-v2 --weights q8_0 --batch 1 --tokens 32",
            "  zhulong bench encoder --engine cpu,torch --weights stored --threads 2",
        })
final class BenchEncoderVerb extends Verb {
    private static final int MOST = 1 << 16;

    @Option(names = "--model", paramLabel = "DIR", description = "A directory with an encoder, in the Hugging Face or sentence-transformers layout "
            + "(default: random weights in the shape of all-MiniLM-L6-v2, 6 layers of 384).")
    Path model;

    @Option(names = "--engine", split = ",", paramLabel = "ENGINE", defaultValue = "cpu", description = "Engines: cpu, torch (default: ${DEFAULT-VALUE}).")
    List<Engine> engines;

    @Option(names = "--weights", split = ",", paramLabel = "TYPE", defaultValue = "stored,q8_0", description = "Types of the weights on the cpu engine: "
            + "${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
    List<EngineOptions.Weights> weights;

    @Option(names = "--tokens", paramLabel = "N", defaultValue = "128", description = "Number of tokens in a text (default: ${DEFAULT-VALUE}).")
    int tokens;

    @Option(names = "--batch", paramLabel = "N", defaultValue = "32", description = "Number of texts encoded together (default: ${DEFAULT-VALUE}).")
    int batch;

    @Option(names = "--repetitions", paramLabel = "N", defaultValue = "5", description = "Number of timed rounds, after two seconds that do not count (default: "
            + "${DEFAULT-VALUE}).")
    int repetitions;

    @Option(names = "--threads", paramLabel = "N", description = "Number of threads (default: OMP_NUM_THREADS, else all cores).")
    Integer threads;

    @Override
    protected void run() throws Exception {
        if (Stream.of(tokens, batch, repetitions).anyMatch(n -> n < 1 || n > MOST)) {
            throw wrongUsage("--tokens, --batch and --repetitions must be from 1 to " + MOST);
        }
        if (engines.contains(Engine.AUTO)) {
            throw wrongUsage("--engine must name what is measured: cpu, torch or both");
        }
        Threads.check(spec.commandLine(), threads);
        int count = threads != null ? threads : Libtorch.threads();
        if (engines.contains(Engine.TORCH)) {
            Libtorch.threads(count);
        }
        Path directory = model != null ? model : Files.createTempDirectory("zhulong-encoder");
        try {
            if (model == null) {
                EncoderBench.write(EncoderBench.miniLm(), directory);
            }
            measure(directory, count);
        } finally {
            if (model == null) {
                delete(directory);
            }
        }
    }

    private void measure(Path directory, int count) {
        Path network = directory.resolve(EmbeddingConfig.read(directory).network());
        List<OpenEncoder> opened = new ArrayList<>();
        try {
            for (EngineChoice choice : choices(count)) {
                opened.add(OpenEncoder.load(network, choice));
            }
            EncoderSpec shape = opened.getFirst().encoder().spec();
            if (tokens > shape.contextLength()) {
                throw wrongUsage("--tokens " + tokens + " is more than the model's context of " + shape.contextLength());
            }
            out().println(String.format(Locale.ROOT, "%s, %d layers of %d, %d texts of %d tokens, %d threads", model == null ? "random weights" : model,
                    shape.layers(), shape.hiddenSize(), batch, tokens, count));
            EncoderBench.run(opened, directory, batch, tokens, repetitions).forEach(figure -> out().println(figure.line()));
        } finally {
            opened.forEach(OpenEncoder::close);
        }
    }

    private List<EngineChoice> choices(int count) {
        List<EngineChoice> choices = new ArrayList<>();
        for (Engine engine : engines) {
            EngineChoice choice = EngineChoice.DEFAULT.withEngine(engine).withThreads(count);
            if (engine == Engine.TORCH) {
                choices.add(choice);
                continue;
            }
            for (EngineOptions.Weights type : weights) {
                choices.add(type.type().map(choice::withWeights).orElse(choice));
            }
        }
        return choices;
    }

    private static void delete(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(directory);
    }
}
