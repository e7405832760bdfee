package dev.zhulong.recipe.plan;

import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.Sizes;
import dev.zhulong.model.QuantizedMatrix;
import dev.zhulong.recipe.FinetuneRecipe.Method;
import dev.zhulong.recipe.TrainingMemory;
import dev.zhulong.recipe.cost.Formulas;
import dev.zhulong.recipe.cost.Precision;
import dev.zhulong.recipe.cost.Sharing;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * What a training would take: the memory of a rank under each strategy, the strategy that is chosen, its time, traffic, energy and price. Nothing is loaded or run.
 *
 * <pre>{@code
 * TrainingPlan plan = TrainingPlan.of(request);
 * plan.chosen().orElseThrow().hours();
 * }</pre>
 *
 * @param options each strategy that was asked for, with blocks run again or not, those that do not fit included
 * @param chosen  the one of them that fits and ends first; of those that end together, the one of the lowest stage. Empty where none fits
 */
public record TrainingPlan(Request request, List<Option> options, Optional<Option> chosen) {
    /** A micro-batch of more tokens takes memory and gains no speed worth it. */
    private static final long MOST_TOKENS = 16_384;
    private static final int MOST_DEVICES = 1 << 20;
    /** Share of a published peak that products and what stands between them reach where nobody said. */
    public static final double USUAL = 0.4;
    /** Strategies that end so much later than the first, as a share, end with it. */
    private static final double TOGETHER = 0.005;

    /**
     * What is asked.
     *
     * @param method      all weights, an adapter, or an adapter on a quantized base
     * @param adapter     weights of the adapter; 0 for all weights
     * @param seq         tokens a row
     * @param tokens      to train on
     * @param strategies  to choose from
     * @param rows        of a micro-batch; 0 for the largest power of two that fits
     * @param stepTokens  of a step on all devices together; 0 for one micro-batch on each
     * @param recompute   whether blocks are run again; empty for where it is needed
     * @param utilization share of the peak that the model's own work reaches (MFU); 0 for {@link #USUAL}, or on this machine for what its measured speeds give
     * @param price       of an hour of a device, in any currency; 0 for none
     * @param pue         energy of the building over that of the devices
     * @param grid        grams of CO₂ equivalents a kilowatt-hour; 0 where nobody said
     */
    public record Request(Shapes.Shape shape, Method method, long adapter, int seq, double tokens, int devices, Hardware device, List<Strategy> strategies, Precision precision,
            long rows, double stepTokens, Optional<Boolean> recompute, double utilization, double price, double pue, double grid) {
        public Request {
            strategies = List.copyOf(strategies);
        }

        /** The peak that products reach at most. */
        public double peak() {
            return precision == Precision.FP32 ? device.fp32() : device.half();
        }

        /** Values that all layers keep of a token; of an encoder–decoder, of one of either text, so that a token of either has half. */
        private double keptValues() {
            double all = Formulas.layers(shape.spec()).stream().mapToDouble(layer -> Formulas.keptValues(shape.spec(), layer, seq)).sum();
            return shape.spec() instanceof EncoderDecoderSpec ? all / 2 : all;
        }

        private TrainingMemory memory(Strategy strategy, boolean again, long micro, int ranks) {
            return new TrainingMemory(method, QuantizedMatrix.Format.NF4, shape.counts(), adapter, micro, seq, false, again, new Sharing(precision, strategy.stage(), ranks));
        }

        /** Trained parameters. */
        public long trained() {
            return method == Method.FULL ? shape.counts().all() : adapter;
        }

        /** Operations of the model for a token: those that MFU counts. */
        public double flopsPerToken() {
            return Formulas.flopsPerToken(shape.spec(), seq, Formulas.learnt(shape.spec()), method != Method.FULL);
        }
    }

    /**
     * A strategy.
     *
     * @param memory         of a rank
     * @param peak           bytes of a rank, the process included
     * @param fits           whether the device has as many
     * @param microBatches   of a rank a step
     * @param steps          to train on all tokens
     * @param traffic        bytes that a rank sends a step
     * @param computeSeconds of a step
     * @param wireSeconds    of a step, if nothing else went on
     */
    public record Option(Strategy strategy, TrainingMemory memory, double peak, boolean fits, long microBatches, double steps, double traffic, double computeSeconds,
            double wireSeconds) {
        /** Of a step: what is sent while gradients come is hidden behind the computing, or hides it. */
        public double stepSeconds() {
            return Math.max(computeSeconds, wireSeconds);
        }

        /** Of the whole training. */
        public double hours() {
            return steps * stepSeconds() / 3600;
        }

        /** Tokens of a step on all devices. */
        public double tokensPerStep() {
            return (double) microBatches * memory.rows() * memory.seq() * memory.sharing().ranks();
        }
    }

    /** Plans. */
    public static TrainingPlan of(Request request) {
        List<Option> options = new ArrayList<>();
        for (Strategy strategy : request.strategies()) {
            for (boolean again : request.recompute().map(List::of).orElse(List.of(false, true))) {
                options.add(option(request, strategy, again));
            }
        }
        double first = options.stream().filter(Option::fits).mapToDouble(Option::hours).min().orElse(0);
        Optional<Option> chosen = options.stream().filter(o -> o.fits() && o.hours() <= first * (1 + TOGETHER))
                .min(Comparator.comparing((Option o) -> o.strategy().stage()).thenComparing(o -> o.memory().recompute()));
        return new TrainingPlan(request, List.copyOf(options), chosen);
    }

    private static Option option(Request r, Strategy strategy, boolean again) {
        long rows = r.rows() > 0 ? r.rows() : fitting(r, strategy, again);
        TrainingMemory memory = r.memory(strategy, again, rows, r.devices());
        double tokens = (double) rows * r.seq();
        long micro = r.stepTokens() > 0 ? Math.max(1, Math.round(r.stepTokens() / (tokens * r.devices()))) : 1;
        double work = micro * tokens * r.flopsPerToken();
        double repeated = again ? micro * tokens * Formulas.flopsAgain(r.shape().spec(), r.seq()) : 0;
        double seconds = r.utilization() > 0 ? Formulas.seconds(work, r.peak(), 1, r.utilization())
                : r.device().isHere() ? Formulas.measuredSeconds(micro * tokens, (work + repeated) / (micro * tokens), r.keptValues(), r.trained(), again, r.peak(), r.device().bandwidth())
                : Formulas.seconds(work + repeated, r.peak(), 1, USUAL);
        double trained = r.trained();
        boolean full = r.method() == Method.FULL;
        double traffic = Formulas.traffic(memory.sharing(), trained * (full ? r.precision().gradients() : Float.BYTES), trained * (full ? r.precision().weights() : Float.BYTES),
                (double) r.precision().weights() * r.shape().counts().all(), micro);
        double peak = peak(r, memory);
        return new Option(strategy, memory, peak, peak <= r.device().memory(), micro, Math.ceil(r.tokens() / (micro * tokens * r.devices())), traffic, seconds,
                r.devices() == 1 ? 0 : traffic / r.device().link());
    }

    private static double peak(Request r, TrainingMemory memory) {
        // a process that is here has taken its own memory already, of what is free
        return memory.total() + r.device().framework();
    }

    /** The largest power of two of rows that fits, or 1. */
    private static long fitting(Request r, Strategy strategy, boolean again) {
        double most = Math.max(1, (r.stepTokens() > 0 ? Math.min(MOST_TOKENS, r.stepTokens() / r.devices()) : MOST_TOKENS) / r.seq());
        TrainingMemory one = r.memory(strategy, again, 1, r.devices());
        long rows = 1;
        while (2 * rows <= most && peak(r, one.withRows(2 * rows)) <= r.device().memory()) {
            rows *= 2;
        }
        return rows;
    }

    /** The state of all trained parameters under a precision, in bytes: 16 or 18 each. */
    public double state(Precision precision) {
        return (double) request.trained() * precision.state();
    }

    /** Operations of the whole training, without what is computed twice. */
    public double flops() {
        return request.tokens() * request.flopsPerToken();
    }

    /** Hours of all devices together. */
    public double deviceHours(Option option) {
        return option.hours() * request.devices();
    }

    /** Kilowatt-hours; empty where nobody said what a device draws. */
    public Optional<Double> kilowattHours(Option option) {
        return request.device().watts() == 0 ? Optional.empty() : Optional.of(Formulas.kilowattHours(deviceHours(option), request.device().watts(), request.pue()));
    }

    /** Kilograms of CO₂ equivalents; empty where energy or grid is not known. */
    public Optional<Double> kilogramsOfCo2(Option option) {
        return request.grid() == 0 ? Optional.empty() : kilowattHours(option).map(energy -> Formulas.kilogramsOfCo2(energy, request.grid()));
    }

    /** Price in the currency of the hour's; empty where that is not known. */
    public Optional<Double> price(Option option) {
        return request.price() == 0 ? Optional.empty() : Optional.of(deviceHours(option) * request.price());
    }

    /** What to do where nothing fits. */
    public String remedy() {
        Request r = request;
        for (int devices = r.devices(); devices <= MOST_DEVICES; devices *= 2) {
            TrainingMemory least = r.memory(Strategy.ZERO3, true, 1, devices);
            if (peak(r, least) <= r.device().memory()) {
                return devices == r.devices() ? "with --strategy zero3, --recompute and --batch 1 it fits"
                        : "with --strategy zero3, --recompute and --batch 1 it fits on " + devices + " devices";
            }
        }
        TrainingMemory least = r.memory(Strategy.ZERO3, true, 1, MOST_DEVICES);
        return "no number of devices of this memory suffices: activations and gathered blocks of a single row take " + Sizes.of((long) peak(r, least))
                + "; give a shorter --seq or a device with more memory";
    }
}
