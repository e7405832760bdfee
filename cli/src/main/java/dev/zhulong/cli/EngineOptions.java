package dev.zhulong.cli;

import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.infer.cpu.CpuAdapter;
import dev.zhulong.infer.cpu.ExpectedTask;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.open.EngineChoice.Precision;
import dev.zhulong.infer.open.EngineChoice.RouteWanted;
import dev.zhulong.infer.open.EngineChoice;
import dev.zhulong.infer.open.ModelFiles;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.tensor.Device;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Options of all verbs that run a model: which engine, in what precision, on how many threads, with how long a context. */
final class EngineOptions {
    /** What matrices are quantised to as they are loaded. */
    enum Weights {
        STORED, Q8_0, Q4_0, INT4, INT4_ASYM;

        Optional<WeightType> type() {
            return this == STORED ? Optional.empty() : Optional.of(WeightType.valueOf(name()));
        }
    }

    @Spec(Spec.Target.MIXEE)
    CommandSpec spec;

    @Option(names = "--engine", paramLabel = "ENGINE", description = "Engine to compute on. cpu: Zhulong's own kernels, with the "
            + "weights as they are stored; torch: libtorch, with the weights in F32; auto: cpu, but torch for a DoRA adapter or dynamic rotary scaling "
            + "(default: auto; for evaluate and logits: torch). A GGUF file always runs on cpu.")
    Engine engine;

    @Option(names = "--device", paramLabel = "DEVICE", description = "Device on which the torch engine computes: cpu, cuda (the first GPU) or cuda:N "
            + "(default: cpu). A GPU needs --engine torch and a build for CUDA; 'zhulong doctor' shows what there is.")
    String device;

    @Option(names = "--weights", paramLabel = "TYPE", description = "Quantize the matrices of a model directory while they are loaded: "
            + "q8_0, q4_0, int4, int4_asym; cpu engine only (default: as stored).")
    Weights weights;

    @Option(names = "--threads", paramLabel = "N", description = "Number of threads to compute on (default: OMP_NUM_THREADS, else all "
            + "cores).")
    Integer threads;

    @Option(names = "--context", paramLabel = "N", description = "Maximum number of tokens in a sequence, prompt included; a smaller "
            + "one takes less memory (default: the model's context).")
    Integer context;

    @Option(names = "--kv", paramLabel = "TYPE", description = "Storage type of the attention cache: f16, int8 in about half the "
            + "memory, int4 in little more than a quarter, rotated so that outliers cost little and rounded by what the model's queries are like, or f32 in twice the memory, exactly as computed; cpu engine only "
            + "(default: f16).")
    KvPages.Format kv;

    @Option(names = "--precision", paramLabel = "P", description = "A simpler alternative to --weights: full (as stored), int8 (q8_0), "
            + "int4, or auto for the fastest of these for --expect that fits into memory and stays within --quality-floor; cpu "
            + "engine only.")
    Precision precision;

    @Option(names = "--route", paramLabel = "ROUTE", description = "Implementation of the matrix products on the cpu engine. latency: "
            + "Zhulong's kernels on the weights as they are stored, fastest for a single sequence; throughput: libtorch's int8 "
            + "products, one byte for each weight, for long prompts and many sequences; auto: whichever a short measurement finds "
            + "faster for --expect (default: latency).")
    RouteWanted route;

    @Option(names = "--expect", paramLabel = "P,N,S", description = "Task for which auto chooses: tokens of the prompt, tokens of the "
            + "answer, sequences at once (default: 256,128,1).")
    String expect;

    @Option(names = "--quality-floor", paramLabel = "PERCENT", description = "Maximum rise of the perplexity against full precision, in "
            + "percent, that --precision auto may accept; measured on the model itself while it is loaded (default: 1).")
    Double qualityFloor;

    /** Whether any option was given. */
    boolean anyGiven() {
        return engine != null || device != null || threads != null || context != null || cpuOption() != null || expect != null || qualityFloor != null;
    }

    /** The first given of the options that only the cpu engine has; null for none. */
    private String cpuOption() {
        return weights != null ? "--weights" : precision != null ? "--precision" : kv != null ? "--kv" : route != null ? "--route" : null;
    }

    /** Ends in exit code 2 where options contradict each other or what they are for. */
    void check(List<Path> models, Path adapter) {
        if (expect != null && route != RouteWanted.AUTO && precision != Precision.AUTO) {
            throw wrongUsage("--expect needs --route auto or --precision auto: give one of them");
        }
        checkForDoctor(models, adapter);
    }

    /** {@link #check} for the verb that says what auto would choose, whatever is asked for. */
    void checkForDoctor(List<Path> models, Path adapter) {
        Threads.check(spec.commandLine(), threads);
        if (context != null && context < 1) {
            throw wrongUsage("--context must be at least 1 token, found " + context);
        }
        if (weights != null && precision != null) {
            throw wrongUsage("--precision and --weights both choose the weights: give one of them");
        }
        if (qualityFloor != null && precision != Precision.AUTO) {
            throw wrongUsage("--quality-floor needs --precision auto: give both or neither");
        }
        if (qualityFloor != null && !(qualityFloor >= 0)) {
            throw wrongUsage("--quality-floor must be a percentage of at least 0, found " + qualityFloor);
        }
        task();
        if (engine == Engine.TORCH && cpuOption() != null) {
            throw wrongUsage(cpuOption() + " works only on the cpu engine: leave it out, or leave out --engine torch, which computes in F32");
        }
        Device on = device();
        for (Path model : models) {
            if (ModelFiles.isGguf(model)) {
                gguf(model, on);
            }
            if (adapter != null && (ModelFiles.isGguf(model) || engine == Engine.CPU || cpuOption() != null)) {
                CpuAdapter.obstacle(adapter).ifPresent(obstacle -> {
                    throw wrongUsage("the cpu engine cannot use this adapter with " + model + ": " + obstacle + (ModelFiles.isGguf(model)
                            ? "; an adapter can also be merged into the directory the file was made from (zhulong merge)" : "; use --engine torch, or merge the two into"
                            + " one model: zhulong merge --model " + model + " --adapter " + adapter + " --out DIR"));
                });
            }
        }
    }

    private void gguf(Path model, Device on) {
        if (!on.isCpu()) {
            throw wrongUsage(model + " is a GGUF file, which runs on the cpu engine alone: leave out --device " + device);
        }
        if (engine == Engine.TORCH) {
            throw wrongUsage(model + " is a GGUF file, which the torch engine cannot read: leave out --engine torch");
        }
        if (weights != null) {
            throw wrongUsage("--weights quantizes a directory while it is loaded; " + model + " is a GGUF file, whose types are fixed (zhulong quantize"
                    + " makes others from the directory)");
        }
    }

    private Device device() {
        try {
            return device == null ? Device.CPU : Device.parse(device);
        } catch (IllegalArgumentException e) {
            throw wrongUsage("--device: " + e.getMessage());
        }
    }

    private ExpectedTask task() {
        try {
            return expect == null ? ExpectedTask.DEFAULT : ExpectedTask.of(expect);
        } catch (IllegalArgumentException e) {
            throw wrongUsage("--expect: " + e.getMessage());
        }
    }

    /** What was asked for; the engine, where none was, is {@code otherwise}. The options have been checked. */
    EngineChoice choice(Engine otherwise) {
        EngineChoice usual = EngineChoice.DEFAULT;
        Engine chosen = engine != null ? engine : cpuOption() != null ? Engine.CPU : otherwise;
        if (!device().isCpu() && chosen != Engine.TORCH) {
            throw wrongUsage("--device " + device + " needs the torch engine; the cpu engine computes on the processor: add --engine torch");
        }
        return new EngineChoice(chosen, weights != null ? weights.type() : Optional.empty(),
                Optional.ofNullable(precision), route != null ? route : usual.route(), kv != null ? kv : usual.cache(),
                threads != null ? OptionalInt.of(threads) : OptionalInt.empty(), context != null ? OptionalInt.of(context) : OptionalInt.empty(), task(),
                qualityFloor != null ? qualityFloor / 100 : usual.qualityFloor(), device());
    }

    /** A model's files, for the engine asked for, or {@code otherwise}. What the user should know of them and of the choice is said on standard error. */
    ModelFiles open(Path model, Path adapter, Engine otherwise) {
        ModelFiles files;
        try (var status = ProgressLine.on(spec.commandLine().getErr())) {
            files = ModelFiles.open(model, adapter, choice(otherwise), step -> status.at("choosing for " + model + ": " + step));
        }
        files.notices().forEach(this::say);
        if (files.choice() != null) {
            say(files.choice());
        }
        return files;
    }

    /** Chooses the precision for a deadline in milliseconds; the choice is said on standard error. */
    void keep(double deadline, ModelFiles files, int[] prompt, int sequences) {
        try (var status = ProgressLine.on(spec.commandLine().getErr())) {
            files.keep(deadline, prompt, sequences, System::nanoTime, step -> status.at("choosing for " + files.path() + ": " + step));
        }
        say(files.choice());
    }

    /** Ends in exit code 2 where a deadline is none, or the options leave nothing to choose for it. */
    void checkDeadline(Double deadline) {
        if (deadline == null) {
            return;
        }
        if (!(deadline > 0) || deadline.isInfinite()) {
            throw wrongUsage("--deadline must be a number of milliseconds above 0, found " + deadline);
        }
        if (weights != null || precision != null) {
            throw wrongUsage("--deadline chooses the precision, and so does " + cpuOption() + ": give one of them");
        }
        if (route == RouteWanted.AUTO || engine == Engine.TORCH) {
            throw wrongUsage("--deadline chooses the precision on the cpu engine for one route: leave out " + (engine == Engine.TORCH ? "--engine torch" : "--route auto"));
        }
    }

    private void say(String line) {
        PrintWriter err = spec.commandLine().getErr();
        err.println("[" + line + "]");
        err.flush();
    }

    private ParameterException wrongUsage(String message) {
        return new ParameterException(spec.commandLine(), message);
    }
}
