package dev.zhulong.cli;

import dev.zhulong.bench.InferBench;
import dev.zhulong.bench.LookupBench;
import dev.zhulong.bench.SyntheticModel;
import dev.zhulong.formats.gguf.GgufType;
import dev.zhulong.infer.cpu.CpuEngine;
import dev.zhulong.infer.cpu.Route;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.open.EngineChoice.RouteWanted;
import dev.zhulong.infer.open.EngineChoice;
import dev.zhulong.infer.open.ModelFiles;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.tensor.Libtorch;
import dev.zhulong.tensor.MachineSpeed;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Speed of the CPU engine. */
@Command(
        name = "infer",
        description = {
            "Time the CPU engine: reading prompts, and writing one sequence and several at once.",
            "With --beside, two shapes take turns, which removes the drift of the machine from their ratio.",
            "Beside each figure stands the share of this machine's measured read bandwidth (for writing) or of its F32 matrix speed (for "
                    + "prompts); these shares carry over from machine to machine. --synthetic writes a GGUF file of random weights, which "
                    + "llama.cpp reads too.",
        },
        footer = {
            "", "Examples:",
            "  zhulong bench infer --model model.Q8_0.gguf",
            "  zhulong bench infer --synthetic 1b --type q4_0 --keep 1b.gguf",
            "  zhulong bench infer --synthetic 8x1b --beside 1b --sequences 1",
            "  zhulong bench infer --model my-model --type q8_0 --prompt 64,512 --sequences 1,4",
        })
final class BenchInferVerb extends Verb {
    private static final int LOOKUP_PROMPT = 1000;
    private static final int LOOKUP_ANSWER = 400;

    @Option(names = "--model", paramLabel = "FILE|DIR", description = "A GGUF file, or a directory in the Hugging Face layout.")
    Path model;

    @Option(names = "--synthetic", paramLabel = "SHAPE", description = "Random weights of this shape instead of --model: 1b "
            + "(2048/5632/16 layers/32 heads/8 kv/vocabulary 32000), 135m (576/1536/30/9/3/49152), or 8x1b and 8x135m, the same with eight experts half as "
            + "wide, of which a token is given two.")
    String synthetic;

    @Option(names = "--beside", paramLabel = "SHAPE", description = "Another synthetic shape, of the same type, to take turns with and compare.")
    String beside;

    @Option(names = "--type", paramLabel = "TYPE", description = "Type of the weights: q2_0, q4_0 or q8_0 for --synthetic (default q4_0); for "
            + "a directory also int4 (default: as stored).")
    String type;

    @Option(names = "--keep", paramLabel = "FILE", description = "File to keep the synthetic model in, for later use (default: not "
            + "kept).")
    Path keep;

    @Option(names = "--prompt", split = ",", paramLabel = "N", defaultValue = "256", description = "Lengths of the prompts, in tokens "
            + "(default 256).")
    List<Integer> prompts;

    @Option(names = "--sequences", split = ",", paramLabel = "N", defaultValue = "1,8", description = "Numbers of sequences to write at once "
            + "(default 1,8).")
    List<Integer> sequences;

    @Option(names = "--tokens", paramLabel = "N", defaultValue = "32", description = "Number of tokens to write in each sequence "
            + "(default 32).")
    int tokens;

    @Option(names = "--lookup", description = "Also time a source file of the JDK that is answered with an edited copy, with prompt "
            + "lookup and without.")
    boolean lookup;

    @Option(names = "--route", paramLabel = "ROUTE", defaultValue = "LATENCY", description = "Implementation of the matrix products: "
            + "latency (Zhulong's kernels, default) or throughput (libtorch's int8).")
    Route route;

    @Option(names = "--repetitions", paramLabel = "N", defaultValue = "3", description = "Number of timed repetitions, after some that "
            + "do not count; the median is shown (default 3).")
    int repetitions;

    @Option(names = "--threads", paramLabel = "N", description = "Number of threads (default: OMP_NUM_THREADS, else all cores).")
    Integer threads;

    @Override
    protected void run() throws Exception {
        if ((model == null) == (synthetic == null)) {
            throw wrongUsage("give either --model or --synthetic");
        }
        if (beside != null && synthetic == null) {
            throw wrongUsage("--beside goes with --synthetic");
        }
        if (tokens < 1 || repetitions < 1 || prompts.stream().anyMatch(n -> n < 1) || sequences.stream().anyMatch(n -> n < 1)) {
            throw wrongUsage("every number must be at least 1");
        }
        Threads.check(spec.commandLine(), threads);
        int count = threads != null ? threads : Libtorch.threads();
        try (Opened first = open(synthetic, keep, count); Opened second = beside == null ? null : open(beside, null, count)) {
            List<Opened> all = second == null ? List.of(first) : List.of(first, second);
            // libtorch is what multiplies in fp32; the engine needs none
            String problem = Libtorch.unavailable();
            var machine = new InferBench.Machine(MachineSpeed.readBandwidth(count) * 1e9, problem == null ? MachineSpeed.gflops() * 1e9 : Double.NaN);
            out().println(String.format(Locale.ROOT, "%s route, %d threads; reads %.1f GB/s, %s", route.name().toLowerCase(Locale.ROOT), count,
                    machine.readBytes() * 1e-9, problem == null ? String.format(Locale.ROOT, "multiplies %.0f GFLOP/s in fp32", machine.flops() * 1e-9) : "libtorch " + problem));
            for (Opened each : all) {
                out().println(String.format(Locale.ROOT, "%s, %.2f GB of weights, of which a token reads %.3f", each.name, each.engine.weightBytes() * 1e-9,
                        each.engine.bytesOfAToken() * 1e-9));
            }
            List<CpuEngine> engines = all.stream().map(each -> each.engine).toList();
            for (int n : prompts) {
                report(all, InferBench.prompt(engines, n, repetitions, machine));
            }
            for (int n : sequences) {
                report(all, InferBench.decode(engines, n, tokens, repetitions, machine));
            }
            if (lookup) {
                out().println(LookupBench.run(first.engine, LOOKUP_PROMPT, LOOKUP_ANSWER, repetitions));
            }
        }
    }

    private void report(List<Opened> models, List<InferBench.Figure> figures) {
        for (int i = 0; i < figures.size(); i++) {
            out().println(figures.get(i).line() + (figures.size() == 1 ? "" : "  " + models.get(i).name));
        }
        if (figures.size() > 1) {
            out().println(figures.getFirst().beside(figures.getLast()));
        }
        out().flush();
    }

    /** A model with what must be closed after it; {@code temporary} is the file to delete, or null. */
    private record Opened(String name, ModelFiles files, CpuEngine engine, Path temporary) implements AutoCloseable {
        @Override
        public void close() throws Exception {
            try (files; engine) {
                if (temporary != null) {
                    Files.deleteIfExists(temporary);
                }
            }
        }
    }

    /**
     * Opens a synthetic model, or {@link #model}.
     *
     * @param shape null for the latter
     * @param kept  where the synthetic model is or goes; null for nowhere
     */
    private Opened open(String shape, Path kept, int count) throws Exception {
        Path file = shape == null ? model : written(shape, kept);
        Path temporary = shape != null && kept == null ? file : null;
        ModelFiles files = null;
        try {
            files = open(file, count);
            // without an adapter and with the whole context it is the engine alone
            return new Opened(shape == null ? model.toString() : shape, files, (CpuEngine) files.loadEngine(cached()), temporary);
        } catch (Exception | Error e) {
            new Opened(shape, files, null, temporary).close();
            throw e;
        }
    }

    private Path written(String shape, Path kept) throws IOException {
        SyntheticModel synthetic = SyntheticModel.of(shape);
        Path file = kept == null ? Files.createTempFile("zhulong-synthetic", ".gguf") : kept;
        if (kept == null || !Files.exists(file)) {
            err().println("writing " + file);
            err().flush();
            synthetic.write(file, GgufType.valueOf((type == null ? "q4_0" : type).toUpperCase(Locale.ROOT)));
        }
        return file;
    }

    private ModelFiles open(Path file, int count) {
        EngineChoice choice = EngineChoice.DEFAULT.withEngine(Engine.CPU).withRoute(RouteWanted.valueOf(route.name())).withThreads(count);
        // a synthetic file has been written in its type
        return ModelFiles.open(file, synthetic != null || type == null ? choice : choice.withWeights(WeightType.valueOf(type.toUpperCase(Locale.ROOT))));
    }

    /** Tokens that caches hold at the same time, at most. */
    private long cached() {
        long read = prompts.stream().mapToInt(n -> n).max().orElse(0);
        long written = sequences.stream().mapToLong(n -> (long) n * (tokens + InferBench.BEFORE)).max().orElse(0);
        return Math.max(lookup ? LOOKUP_PROMPT + LOOKUP_ANSWER : 0, Math.max(read, written));
    }
}
