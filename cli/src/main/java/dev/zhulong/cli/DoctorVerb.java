package dev.zhulong.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.formats.Sizes;
import dev.zhulong.infer.MemoryEstimate;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.open.Machine;
import dev.zhulong.infer.open.ModelFiles;
import dev.zhulong.kernels.VectorSupport;
import dev.zhulong.tensor.Device;
import dev.zhulong.tensor.Libtorch;
import dev.zhulong.tensor.MachineSpeed;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What Zhulong finds on this machine. */
@Command(
        name = "doctor",
        description = {
            "Examine this machine: what Zhulong runs on, how fast it is, and what could be better.",
            "The command measures F32 matrix products and memory reads for two seconds, on all threads.",
        },
        footer = {"", "Examples:", "  zhulong doctor", "  zhulong doctor --json", "  zhulong doctor --model model.Q4_0.gguf     what it takes and runs on",
            "  zhulong doctor --model my-model --task classify    what to do for that with this model, in this memory", "  zhulong doctor --model my-model --precision auto --expect 1000,50,8     what auto would choose for that"})
final class DoctorVerb extends Verb {
    @Option(names = "--json", description = "Print one JSON object.")
    boolean json;

    @Option(names = "--model", paramLabel = "DIR|FILE", description = "Model to report on as well: the engine that would run it, the "
            + "memory it needs, and what auto would choose for --expect.")
    Path model;

    @Option(names = "--task", paramLabel = "TASK", description = "Task to say the way of with --model: write, classify, tags, qa, embed, rerank, translate or summarize.")
    ModelUse.Task task;

    @Mixin
    EngineOptions engine;

    private final Map<String, Object> values = new LinkedHashMap<>();
    private final List<String> hints = new ArrayList<>();

    @Override
    protected void run() throws IOException {
        if (model == null && engine.anyGiven()) {
            throw wrongUsage("--engine, --weights, --precision, --threads, --context, --kv, --route, --expect and --quality-floor need --model");
        }
        if (model == null && task != null) {
            throw wrongUsage("--task needs --model");
        }
        if (model != null) {
            engine.checkForDoctor(List.of(model), null);
        }
        software();
        processor();
        vectors();
        memory();
        libtorch();
        devices();
        speed();
        libraries();
        disk();
        if (model != null) {
            ModelUse use = ModelUse.of(model);
            if (use.kind().equals("decoder")) {
                model();
            }
            use(use);
        }
        if (json) {
            values.put("hints", hints);
            out().println(new ObjectMapper().writeValueAsString(values));
        } else if (hints.isEmpty()) {
            out().println("All is well.");
        } else {
            hints.forEach(hint -> out().println("! " + hint));
        }
    }

    /** One line of the report and its members in JSON, each with its unit in its name. */
    private void finding(String label, String text, Map<String, ?> members) {
        // in an order that is the same in every process
        values.putAll(new TreeMap<>(members));
        if (!json) {
            out().println(String.format(Locale.ROOT, "%-12s %s", label, text));
            out().flush();
        }
    }

    private void software() throws IOException {
        String java = Runtime.version() + " " + System.getProperty("java.vendor");
        String system = System.getProperty("os.name") + " " + System.getProperty("os.arch");
        finding("zhulong", VersionVerb.version(), Map.of("zhulong", VersionVerb.version()));
        finding("java", java + ", " + system, Map.of("java", java, "system", system));
    }

    private void processor() {
        int cores = Runtime.getRuntime().availableProcessors();
        int threads = Libtorch.threads();
        String simd = Machine.simd();
        finding("processor", cores + " cores, " + simd + ", " + Machine.processor(),
                Map.of("cores", cores, "simd", simd, "processor", Machine.processor()));
        finding("threads", threads + " for an operation", Map.of("threads", threads));
        if (threads > cores) {
            hints.add("OMP_NUM_THREADS is " + threads + " but only " + cores + " cores may be used: threads will compete for them; unset it");
        } else if (threads < cores) {
            hints.add("OMP_NUM_THREADS is " + threads + " of " + cores + " cores: unset it to use all");
        }
        if (simd.startsWith("SSE") || simd.startsWith("AVX (")) {
            hints.add("no AVX2: matrix products will be slow; use a machine made after 2013, or configure the virtual machine to"
                    + " pass through the host's processor");
        }
    }

    /** What the cpu engine computes with. */
    private void vectors() {
        Optional<String> problem = VectorSupport.problem();
        // the width is a class of the vector module's, which may be missing
        int bits = problem.isEmpty() ? VectorSupport.bits() : 0;
        Optional<String> code = problem.isEmpty() ? VectorSupport.machineCode() : Optional.empty();
        String products = code.map(name -> "; products with quantized weights in machine code, " + name).orElse("");
        finding("vectors", problem.isPresent() ? "none for Java" : bits + " bits in Java" + products,
                Map.of("vector_bits", bits, "machine_code", code.orElse("none")));
        problem.ifPresent(hints::add);
    }

    private void model() {
        try (ModelFiles files = engine.open(model, null, Engine.AUTO)) {
            MemoryEstimate needs = files.memory();
            long available = Machine.availableMemory();
            long fit = Math.min(files.context(), needs.tokens(available));
            String context = fit == files.context() ? "the whole context" : String.format(Locale.ROOT, "%,d of them fit now", fit);
            finding("model", String.format(Locale.ROOT, "runs on %s, %s; weights %s, context of %,d tokens %s (%s)", files.engine(), Threads.text(files.threads()),
                    Sizes.memory(needs.weights()), files.context(), Sizes.memory(needs.cachePerToken() * files.context()), context),
                    Map.of("model", model.toString(), "model_engine", files.engine(), "model_weights_bytes", needs.weights(), "model_cache_bytes_a_token",
                    needs.cachePerToken(), "model_context_tokens", files.context(), "model_context_that_fits", fit));
            if (needs.total(Math.min(64, files.context())) > available) {
                hints.add(model + " does not fit into the available memory: " + Sizes.memory(needs.weights() + needs.buffers()) + " without"
                        + " any context; close other programs or use a smaller model");
            }
            if (files.onCpu()) {
                auto(files);
            }
        }
    }

    private void use(ModelUse use) {
        long available = Machine.availableMemory();
        finding("use", use.text(available), Map.of("model_kind", use.kind(), "model_verbs", use.verbs(), "model_training_bytes", use.training()));
        if (task != null) {
            String way = use.text(task, model, available);
            finding("task", way, Map.of("model_task", way));
        }
    }

    private void auto(ModelFiles files) {
        try {
            if (files.choice() == null) {
                files.choose(engine.choice(Engine.AUTO), step -> { });
            }
            finding("auto", "chooses " + files.choice(), Map.of("model_auto", files.choice(), "model_auto_engine", files.engine()));
        } catch (IllegalArgumentException e) {
            hints.add("--route auto is not available: " + e.getMessage());
        }
    }

    private void memory() {
        long total = Machine.totalMemory();
        long available = Machine.availableMemory();
        long heap = Runtime.getRuntime().maxMemory();
        String limit = Machine.limited() ? " (the container's limit)" : "";
        finding("memory", Sizes.memory(total) + limit + ", " + Sizes.memory(available) + " available, " + Sizes.memory(heap) + " for the Java heap",
                Map.of("memory_bytes", total, "memory_available_bytes", available, "memory_limited_by_container", Machine.limited(),
                        "heap_bytes", heap));
        if (available < 2L << 30) {
            hints.add("less than 2 GB of memory are available: close other programs, or expect only small models to fit");
        }
    }

    private void libtorch() {
        String blas = Libtorch.blas();
        finding("libtorch", Libtorch.version() + ", matrix products by " + blas, Map.of("libtorch", Libtorch.version(), "blas", blas));
        if (blas.equals("OpenBLAS") && System.getProperty("os.arch").equals("amd64")) {
            hints.add("matrix products run on OpenBLAS: training is about a third faster with MKL; build without -DnoMkl");
        }
    }

    /** What --device may name, and why a GPU that is there may not be named. */
    private void devices() {
        List<String> gpus = Libtorch.gpus();
        List<String> usable = new ArrayList<>(List.of("cpu"));
        StringBuilder text = new StringBuilder("cpu");
        for (int i = 0; i < gpus.size(); i++) {
            String missing = new Device(Device.Kind.CUDA, i).unavailable();
            if (missing == null) {
                usable.add("cuda:" + i);
                text.append(", cuda:").append(i).append(" (").append(gpus.get(i)).append(')');
            } else if (i == 0) {
                hints.add("GPUs are not used: " + missing);
            }
        }
        finding("devices", text.toString(), Map.of("devices", usable, "gpus", gpus));
    }

    /** Asked after a matrix product: MKL loads its threading layer with the first one. */
    private void libraries() {
        Set<String> mapped = Libtorch.mappedMathLibraries();
        finding("libraries", mapped.isEmpty() ? "unknown on this system" : String.join(" ", mapped), Map.of("math_libraries", mapped));
        Set<String> openMp = openMpInUse(mapped);
        if (openMp.size() > 1) {
            hints.add("two OpenMP libraries are active (" + String.join(", ", openMp) + "): their spinning threads compete for the cores;"
                    + " unset LD_PRELOAD and MKL_THREADING_LAYER");
        }
    }

    /**
     * The OpenMP libraries that run threads, of the libraries mapped: Intel's comes along with MKL, but has no threads unless MKL's layer
     * for it is loaded too.
     */
    static Set<String> openMpInUse(Set<String> mapped) {
        boolean intelIdle = mapped.stream().anyMatch(name -> name.startsWith("libmkl_"))
                && mapped.stream().noneMatch(name -> name.startsWith("libmkl_intel_thread"));
        var found = new TreeSet<String>();
        mapped.stream().filter(name -> name.matches("lib(gomp|iomp5|omp)[.-].*")).filter(name -> !(intelIdle && name.startsWith("libiomp5")))
                .forEach(found::add);
        return found;
    }

    private void speed() {
        double gflops = MachineSpeed.gflops();
        double bandwidth = MachineSpeed.readBandwidth(Libtorch.threads());
        finding("speed", String.format(Locale.ROOT, "%.0f GFLOP/s in F32 matrix products, reads memory at %.1f GB/s", gflops, bandwidth),
                Map.of("matrix_gflops", round(gflops), "read_gbps", round(bandwidth)));
        double perThread = gflops / Libtorch.threads();
        if (perThread < 15 && Machine.simd().startsWith("AVX")) {
            hints.add(String.format(Locale.ROOT, "%.0f GFLOP/s a thread is far below what %s can do: is the machine busy, or throttled?",
                    perThread, Machine.simd()));
        }
    }

    private void disk() throws IOException {
        Path here = Path.of("").toAbsolutePath();
        long free = Files.getFileStore(here).getUsableSpace();
        finding("disk", Sizes.of(free) + " free in " + here, Map.of("disk_free_bytes", free));
        if (free < 2L << 30) {
            hints.add("less than 2 GB are free on this disk: checkpoints of a run may not fit");
        }
    }

    private static double round(double value) {
        return Math.round(value * 10) / 10.0;
    }
}
