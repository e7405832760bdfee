package dev.zhulong.infer.cpu;

import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.kernels.VectorSupport;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.tensor.Int8Linear;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Measures what {@link Choice} decides by: the memory of each way to run a model, the time of its own products on this machine, and, where quality
 * matters, what the model itself loses.
 *
 * <pre>{@code
 * Chooser chooser = Chooser.of(directory, List.of(Optional.empty(), Optional.of(WeightType.Q8_0)));
 * Chooser.Chosen chosen = chooser.choose(List.of(Route.values()), CpuOptions.of(2), ExpectedTask.DEFAULT, available, 0.01, step -> { });
 * }</pre>
 */
public final class Chooser {
    /** The more precise first. */
    private final List<DecoderWeights> weights;

    private Chooser(List<DecoderWeights> weights) {
        VectorSupport.require();
        this.weights = weights;
    }

    /**
     * What came of it.
     *
     * @param reference what the quality was measured against: the most precise that fits; null where it was not
     * @param engine    the chosen one where measuring had to load it, to be closed by who takes it; null elsewhere
     */
    public record Chosen(Choice choice, Candidate reference, CpuEngine engine) {}

    /** Of a file, which has its precision: routes are to choose from. */
    public static Chooser of(GgufModel file) {
        return new Chooser(List.of(new DecoderWeights.OfGguf(file)));
    }

    /** Of a directory, in one of these precisions, the more precise first. */
    public static Chooser of(ModelDirectory directory, List<Optional<WeightType>> types) {
        return new Chooser(types.stream().<DecoderWeights>map(type -> new DecoderWeights.OfDirectory(directory, type)).toList());
    }

    /**
     * Chooses.
     *
     * @param routes    to choose from
     * @param options   of the engine but for the route
     * @param available bytes of memory
     * @param floor     the most that perplexity may rise ({@link QualityProbe} says what that is), as a share of 1; infinite for no matter what
     * @param progress  told what is being done before each longer step
     * @throws IllegalArgumentException where nothing fits or keeps to the floor; says what to do
     */
    public Chosen choose(List<Route> routes, CpuOptions options, ExpectedTask task, long available, double floor, Consumer<String> progress) {
        var measured = new Measured(options, floor, progress);
        try {
            return measured.choose(candidates(routes, options, task, available, progress), available);
        } catch (RuntimeException | Error e) {
            measured.release();
            throw e;
        }
    }

    private List<Candidate> candidates(List<Route> routes, CpuOptions options, ExpectedTask task, long available, Consumer<String> progress) {
        Optional<String> missing = routes.contains(Route.THROUGHPUT) ? Optional.ofNullable(Int8Linear.unavailable()) : Optional.empty();
        List<Candidate> candidates = new ArrayList<>();
        // the throughput route's bytes are the same, whatever they were made of
        RowTimes bytes = null;
        boolean possible = false;
        for (DecoderWeights from : weights) {
            var timer = new ProductTimer(from, options.threads(), task.sequences());
            RowTimes head = null;
            for (Route route : routes) {
                if (route == Route.THROUGHPUT && possible && type(from).filter(type -> type.blockBytes() < type.blockElements()).isPresent()) {
                    // bytes made of fewer bits take as long as bytes made of all, and lose more
                    continue;
                }
                Optional<String> obstacle = route == Route.THROUGHPUT ? missing : Optional.empty();
                long memory = CpuMemory.of(from, options.withRoute(route)).total(task.tokens(from.spec().contextLength()));
                var candidate = new Candidate(type(from), route, memory, Double.NaN, obstacle);
                if (candidate.possible(available)) {
                    progress.accept("timing products");
                    head = head == null ? timer.head() : head;
                    RowTimes blocks = route == Route.THROUGHPUT && bytes != null ? bytes : timer.blocks(route);
                    bytes = route == Route.THROUGHPUT ? blocks : bytes;
                    possible |= route == Route.THROUGHPUT;
                    candidate = new Candidate(type(from), route, memory, task.seconds(blocks, head), obstacle);
                }
                candidates.add(candidate);
            }
        }
        return candidates;
    }

    private static Optional<WeightType> type(DecoderWeights weights) {
        return weights instanceof DecoderWeights.OfDirectory directory ? directory.type() : Optional.empty();
    }

    /** Loads what has to be measured, one at a time, and keeps the last: where it passes, it is what was looked for. */
    private final class Measured {
        private final CpuOptions options;
        private final double floor;
        private final Consumer<String> progress;
        private Candidate reference;
        private QualityProbe probe;
        private Candidate loaded;
        private CpuEngine engine;

        Measured(CpuOptions options, double floor, Consumer<String> progress) {
            this.options = options;
            this.floor = floor;
            this.progress = progress;
        }

        Chosen choose(List<Candidate> candidates, long available) {
            reference = floor == Double.POSITIVE_INFINITY ? null : reference(available);
            Choice choice = Choice.of(candidates, available, floor, this::rise);
            if (loaded != null && !same(choice.taken(), loaded)) {
                release();
            }
            return new Chosen(choice, reference, engine);
        }

        /** The most precise that can be loaded, on the latency route; null where none can. */
        private Candidate reference(long available) {
            return weights.stream().map(from -> new Candidate(type(from), Route.LATENCY, CpuMemory.of(from, options.withRoute(Route.LATENCY)).total(0),
                    Double.NaN, Optional.empty())).filter(candidate -> candidate.possible(available)).findFirst().orElse(null);
        }

        private double rise(Candidate candidate) {
            if (same(candidate, reference)) {
                return 0;
            }
            if (probe == null) {
                load(reference);
                probe = new QualityProbe(engine);
            }
            load(candidate);
            return probe.rise(engine);
        }

        private void load(Candidate candidate) {
            release();
            progress.accept("measuring the loss of quality of " + candidate.weights().map(type -> type.name().toLowerCase(Locale.ROOT)).orElse("full precision")
                    + " on the " + candidate.route().name().toLowerCase(Locale.ROOT) + " route");
            DecoderWeights from = weights.stream().filter(each -> type(each).equals(candidate.weights())).findFirst().orElseThrow();
            engine = CpuEngine.load(from, options.withRoute(candidate.route()));
            loaded = candidate;
        }

        private void release() {
            if (engine != null) {
                engine.close();
            }
            engine = null;
            loaded = null;
        }

        private static boolean same(Candidate a, Candidate b) {
            return a.weights().equals(b.weights()) && a.route() == b.route();
        }
    }
}
