package dev.zhulong.cli;

import dev.zhulong.bench.TrainBench;
import dev.zhulong.train.Precision;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Benchmarks. */
@Command(
        name = "bench",
        description = "Measure the speed of training, of attention, of encoders, of the CPU engine, of a server, of an encoder–decoder on both engines, or of several ranks; or how far away models find an answer.",
        subcommands = {BenchVerb.Train.class, BenchAttentionVerb.class, BenchDistanceVerb.class, BenchDistributeVerb.class, BenchEncoderVerb.class, BenchInferVerb.class, BenchServeVerb.class, BenchTranslateVerb.class, BenchZeroVerb.class},
        footer = {"", "Examples:", "  zhulong bench train --steps 12", "  zhulong bench attention --kind window --window 128", "  zhulong bench distance --out distance",
            "  zhulong bench distribute --ranks 2",
            "  zhulong bench encoder --threads 2", "  zhulong bench infer --synthetic 1b", "  zhulong bench serve --url http://localhost:8080",
            "  zhulong bench translate --beams 4"})
final class BenchVerb extends Verb {
    @Override
    protected void run() {
        throw wrongUsage("choose what to measure: zhulong bench train, attention, distance, distribute, encoder, infer, serve or translate");
    }

    /** The training step. */
    @Command(
            name = "train",
            description = {
                "Time the training step of a Llama-shaped decoder: gradient norm clipped at 1.0, fused AdamW, random tokens.",
                "The last line is: parameters N tokens/s T loss L peak_rss_mb M (median step, the first third left out)."
            },
            footer = {
                "", "Examples:",
                "  zhulong bench train",
                "  zhulong bench train --vocab 512 --hidden 128 --layers 4 --heads 4 --kv-heads 4 --ffn 1024 --batch 12 --seq 64 --steps 60"
            })
    static final class Train extends Verb {
        @Option(names = "--vocab", defaultValue = "4096", description = "Vocabulary (default ${DEFAULT-VALUE}).")
        int vocab;

        @Option(names = "--hidden", defaultValue = "384", description = "Width of the residual stream (default ${DEFAULT-VALUE}).")
        int hidden;

        @Option(names = "--layers", defaultValue = "6", description = "Blocks (default ${DEFAULT-VALUE}).")
        int layers;

        @Option(names = "--heads", defaultValue = "6", description = "Query heads (default ${DEFAULT-VALUE}).")
        int heads;

        @Option(names = "--kv-heads", defaultValue = "6", description = "Key and value heads (default ${DEFAULT-VALUE}).")
        int kvHeads;

        @Option(names = "--ffn", defaultValue = "1024", description = "Width of the MLP (default ${DEFAULT-VALUE}).")
        int ffn;

        @Option(names = "--batch", defaultValue = "8", description = "Sequences a step (default ${DEFAULT-VALUE}).")
        int batch;

        @Option(names = "--seq", defaultValue = "256", description = "Tokens a sequence (default ${DEFAULT-VALUE}).")
        int seq;

        @Option(names = "--steps", defaultValue = "12", description = "Steps (default ${DEFAULT-VALUE}).")
        int steps;

        @Option(names = "--threads", description = "Threads libtorch uses (default: OMP_NUM_THREADS, else all cores).")
        Integer threads;

        @Option(names = "--recompute", description = "Keep only each block's input and run it again in backward.")
        boolean recompute;

        @Option(names = "--precision", defaultValue = "fp32", paramLabel = "TYPE", description = "Type that projections are multiplied in: fp32, bf16 or fp16 (default ${DEFAULT-VALUE}).")
        String precision;

        @Option(names = "--lora", defaultValue = "0", paramLabel = "RANK", description = "Train an adapter of this rank on every projection instead"
                + " of the weights (default ${DEFAULT-VALUE}: the weights).")
        int lora;

        @Option(names = "--init", description = "Safetensors file of initial weights: Hugging Face's names, or e, b.0.q, ..., n, h.")
        Path init;

        @Option(names = "--batches", description = "Safetensors file of token ids: inputs and targets [steps, batch, seq].")
        Path batches;

        @Option(names = "--losses", description = "Print each step's loss.")
        boolean losses;

        @Override
        protected void run() {
            if (vocab < 1 || hidden < 1 || layers < 1 || heads < 1 || kvHeads < 1 || ffn < 1 || batch < 1 || seq < 1 || steps < 1 || lora < 0) {
                throw wrongUsage("every size must be at least 1, --lora not negative");
            }
            Map.of("--vocab", vocab, "--hidden", hidden, "--ffn", ffn, "--batch", batch, "--seq", seq, "--lora", lora).forEach((name, size) -> atMost(name, size, 1 << 20));
            atMost("--layers", layers, 1 << 12);
            atMost("--steps", steps, 1 << 24);
            atMost("--batch times --seq", (long) batch * seq, 1 << 26);
            if (hidden % heads != 0 || hidden / heads % 2 != 0 || heads % kvHeads != 0) {
                throw wrongUsage("--hidden must be an even multiple of --heads, and --heads a multiple of --kv-heads");
            }
            Threads.check(spec.commandLine(), threads);
            if (threads != null) {
                dev.zhulong.tensor.Libtorch.threads(threads);
            }
            var shape = new TrainBench.Shape(vocab, hidden, layers, heads, kvHeads, ffn, batch, seq);
            int[] step = {0};
            var result = TrainBench.run(shape, steps, precision(), recompute, lora, init, batches, loss -> {
                if (losses || batches != null) {
                    out().printf(java.util.Locale.ROOT, "step %d loss %.6f%n", ++step[0], loss);
                }
            });
            out().println(result.line());
        }

        private Precision precision() {
            return Arrays.stream(Precision.values()).filter(p -> p.name().equalsIgnoreCase(precision)).findFirst()
                    .orElseThrow(() -> wrongUsage("--precision must be fp32, bf16 or fp16, found '" + precision + "'"));
        }

        private void atMost(String name, long size, long most) {
            if (size > most) {
                throw wrongUsage(name + " must be at most " + most + ", found " + size);
            }
        }
    }
}
