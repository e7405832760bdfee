package dev.zhulong.infer.open;

import dev.zhulong.infer.cpu.CpuOptions;
import dev.zhulong.infer.cpu.ExpectedTask;
import dev.zhulong.infer.cpu.Route;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.tensor.Device;
import dev.zhulong.tensor.Libtorch;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * How a model is to be run. {@link #DEFAULT} suits most; the others are made from it.
 *
 * <pre>{@code
 * EngineChoice small = EngineChoice.DEFAULT.withWeights(WeightType.Q8_0).withThreads(4);
 * EngineChoice measured = EngineChoice.DEFAULT.withPrecision(Precision.AUTO).withRoute(RouteWanted.AUTO).withTask(new ExpectedTask(2000, 200, 8));
 * }</pre>
 *
 * @param engine       what runs it; a GGUF file is always run by the CPU engine
 * @param weights      what the matrices of a directory are quantized to as they are loaded; empty for as they are stored
 * @param precision    the same for people who do not care for types; empty for as {@code weights} says
 * @param route        what multiplies on the CPU engine
 * @param cache        how the CPU engine keeps keys and values
 * @param threads      that compute; empty for {@link Libtorch#threads()}
 * @param context      most tokens of a sequence, prompt included; empty for the model's
 * @param task         what {@code AUTO} chooses for
 * @param qualityFloor the most that perplexity may rise where the precision is chosen, as a share of 1
 * @param device       that the torch engine computes on; the CPU engine is on the processor
 */
public record EngineChoice(Engine engine, Optional<WeightType> weights, Optional<Precision> precision, RouteWanted route, KvPages.Format cache, OptionalInt threads,
        OptionalInt context, ExpectedTask task, double qualityFloor, Device device) {
    /** Weights as they are stored, all cores, the model's context; on the CPU engine wherever that can run the model. */
    public static final EngineChoice DEFAULT = new EngineChoice(Engine.AUTO, Optional.empty(), Optional.empty(), RouteWanted.LATENCY, KvPages.Format.F16,
            OptionalInt.empty(), OptionalInt.empty(), ExpectedTask.DEFAULT, 0.01, Device.CPU);

    /** What runs the model: Zhulong's own kernels, libtorch in F32, or the first of these that can. */
    public enum Engine { CPU, TORCH, AUTO }

    /** What multiplies; {@code AUTO} measures. */
    public enum RouteWanted {
        LATENCY, THROUGHPUT, AUTO;

        Route route() {
            return this == THROUGHPUT ? Route.THROUGHPUT : Route.LATENCY;
        }
    }

    /** How precise weights are: as they are stored, in floating point; in eight bits; in four. {@code AUTO} measures. */
    public enum Precision {
        AUTO, FULL, INT8, INT4;

        Optional<WeightType> weights() {
            return switch (this) {
                case AUTO, FULL -> Optional.empty();
                case INT8 -> Optional.of(WeightType.Q8_0);
                case INT4 -> Optional.of(WeightType.INT4);
            };
        }
    }

    public EngineChoice {
        if (weights.isPresent() && precision.isPresent()) {
            throw new IllegalArgumentException("weights and precision both choose the weights: give one of them");
        }
        if (engine == Engine.TORCH && (weights.isPresent() || precision.isPresent() || route != RouteWanted.LATENCY || cache != KvPages.Format.F16)) {
            throw new IllegalArgumentException("weights, precision, route and cache can be chosen only on the cpu engine: leave them out, or choose another engine than torch,"
                    + " which computes in F32");
        }
        if (engine != Engine.TORCH && !device.isCpu()) {
            throw new IllegalArgumentException("only the torch engine computes on " + device + ": choose it, or leave out the device");
        }
        if (context.isPresent() && context.getAsInt() < 1) {
            throw new IllegalArgumentException("a context must be at least 1 token, found " + context.getAsInt());
        }
        if (!(qualityFloor >= 0)) {
            throw new IllegalArgumentException("the quality floor must be at least 0, found " + qualityFloor);
        }
    }

    public EngineChoice withEngine(Engine value) {
        return new EngineChoice(value, weights, precision, route, cache, threads, context, task, qualityFloor, device);
    }

    /** The same engine, with weights as they are stored. */
    public EngineChoice asStored() {
        return new EngineChoice(engine, Optional.empty(), Optional.empty(), RouteWanted.LATENCY, cache, threads, context, task, qualityFloor, device);
    }

    public EngineChoice withWeights(WeightType value) {
        return new EngineChoice(engine, Optional.of(value), precision, route, cache, threads, context, task, qualityFloor, device);
    }

    public EngineChoice withPrecision(Precision value) {
        return new EngineChoice(engine, weights, Optional.of(value), route, cache, threads, context, task, qualityFloor, device);
    }

    public EngineChoice withRoute(RouteWanted value) {
        return new EngineChoice(engine, weights, precision, value, cache, threads, context, task, qualityFloor, device);
    }

    public EngineChoice withCache(KvPages.Format value) {
        return new EngineChoice(engine, weights, precision, route, value, threads, context, task, qualityFloor, device);
    }

    public EngineChoice withThreads(int value) {
        return new EngineChoice(engine, weights, precision, route, cache, OptionalInt.of(value), context, task, qualityFloor, device);
    }

    public EngineChoice withContext(int value) {
        return new EngineChoice(engine, weights, precision, route, cache, threads, OptionalInt.of(value), task, qualityFloor, device);
    }

    public EngineChoice withTask(ExpectedTask value) {
        return new EngineChoice(engine, weights, precision, route, cache, threads, context, value, qualityFloor, device);
    }

    public EngineChoice withQualityFloor(double value) {
        return new EngineChoice(engine, weights, precision, route, cache, threads, context, task, value, device);
    }

    public EngineChoice withDevice(Device value) {
        return new EngineChoice(engine, weights, precision, route, cache, threads, context, task, qualityFloor, value);
    }

    /** Whether something has to be measured before it is chosen. */
    boolean measures() {
        return route == RouteWanted.AUTO || measuresPrecision();
    }

    boolean measuresPrecision() {
        return precision.filter(wanted -> wanted == Precision.AUTO).isPresent();
    }

    /** What only the CPU engine can do makes it the one that {@code AUTO} takes. */
    boolean needsCpu() {
        return engine == Engine.CPU || weights.isPresent() || precision.isPresent() || route != RouteWanted.LATENCY || cache != KvPages.Format.F16;
    }

    /** What matrices are quantized to before anything is measured; empty for as they are stored. */
    Optional<WeightType> asked() {
        return precision.isPresent() ? precision.get().weights() : weights;
    }

    CpuOptions cpu() {
        return CpuOptions.of(threads.orElseGet(Libtorch::threads)).withCache(cache).withRoute(route.route());
    }
}
