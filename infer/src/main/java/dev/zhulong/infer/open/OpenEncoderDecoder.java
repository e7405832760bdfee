package dev.zhulong.infer.open;

import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.infer.ConditionalModel;
import dev.zhulong.infer.MemoryEstimate;
import dev.zhulong.infer.cpu.CpuEncoderDecoder;
import dev.zhulong.infer.cpu.CpuMemory;
import dev.zhulong.infer.cpu.CpuOptions;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.open.EngineChoice.RouteWanted;
import dev.zhulong.infer.search.Continuations;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.model.EncoderDecoder;
import dev.zhulong.tensor.DeviceScope;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;

/**
 * An encoder–decoder on the engine that was chosen for it; what {@link OpenEncoder} is for encoders.
 *
 * <pre>{@code
 * try (OpenEncoderDecoder opened = OpenEncoderDecoder.load(Path.of("opus-mt-en-zh"), EngineChoice.DEFAULT)) {
 *     List<String> texts = new Rewriter(opened.model(), tokenizer, OptionalInt.empty(), options).write(List.of("Good morning."));
 * }
 * }</pre>
 *
 * @param engine    in words, such as {@code cpu q8_0}
 * @param sequences the same with a cache for each sequence, on the CPU engine; empty on torch
 * @param free      gives the weights back
 */
public record OpenEncoderDecoder(Continuations model, String engine, Optional<ConditionalModel> sequences, Runnable free) implements AutoCloseable {

    /** Whether a path is a directory with an encoder–decoder, by its configuration. */
    public static boolean isEncoderDecoder(Path model) {
        return Files.isRegularFile(model.resolve(ModelDirectory.CONFIG)) && ModelDirectory.readNetwork(model) instanceof EncoderDecoderSpec;
    }

    /**
     * Loads the encoder–decoder of a directory in Hugging Face's layout; where the choice leaves the engine open, on the CPU engine.
     *
     * @throws FormatException          where the directory holds none, or a file is wrong
     * @throws IllegalArgumentException where it cannot be run as chosen, or there is too little memory; says what to do
     */
    public static OpenEncoderDecoder load(Path directory, EngineChoice choice) {
        if (choice.measures() || choice.route() != RouteWanted.LATENCY || choice.context().isPresent()) {
            throw new IllegalArgumentException(directory + " is an encoder–decoder, for which engine, weights, the type of the cache, threads and device can be chosen: leave out"
                    + " route, context and automatic precision");
        }
        choice.device().require();
        try (ModelDirectory files = ModelDirectory.open(directory)) {
            return choice.engine() == Engine.TORCH ? onTorch(files, choice) : onCpu(files, choice);
        }
    }

    private static OpenEncoderDecoder onCpu(ModelDirectory files, EngineChoice choice) {
        Optional<WeightType> type = choice.asked();
        CpuOptions options = choice.cpu();
        String engine = "cpu " + type.map(WeightType::name).orElseGet(() -> OpenEncoder.stored(files)).toLowerCase(Locale.ROOT);
        if (files.network() instanceof EncoderDecoderSpec) {
            OpenEncoder.requireMemory(files, engine, CpuMemory.ofEncoderDecoder(files, type, options), Machine.availableMemory());
        }
        var loaded = CpuEncoderDecoder.load(files, type, options);
        return new OpenEncoderDecoder(Continuations.of(loaded), engine, Optional.of(loaded), loaded::close);
    }

    private static OpenEncoderDecoder onTorch(ModelDirectory files, EngineChoice choice) {
        long weights = files.weights().values().stream().mapToLong(tensor -> tensor.elements() * Float.BYTES).sum();
        long free = choice.device().isCpu() ? Machine.availableMemory() : choice.device().freeBytes();
        OpenEncoder.requireMemory(files, "torch", new MemoryEstimate(weights, 0, 0), free < 0 ? Long.MAX_VALUE : free);
        try (var on = DeviceScope.open(choice.device())) {
            EncoderDecoder loaded = EncoderDecoder.load(files);
            return new OpenEncoderDecoder(Continuations.of(loaded), "torch f32" + (choice.device().isCpu() ? "" : " " + choice.device()), Optional.empty(), loaded::close);
        }
    }

    @Override
    public void close() {
        free.run();
    }
}
