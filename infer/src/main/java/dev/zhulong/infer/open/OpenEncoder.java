package dev.zhulong.infer.open;

import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Sizes;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.gguf.GgufConfig;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.infer.Encoder;
import dev.zhulong.infer.MemoryEstimate;
import dev.zhulong.infer.TorchEncoder;
import dev.zhulong.infer.cpu.CpuEncoder;
import dev.zhulong.infer.cpu.CpuMemory;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.open.EngineChoice.RouteWanted;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.model.EncoderFiles;
import dev.zhulong.tensor.DeviceScope;
import dev.zhulong.tensor.Libtorch;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;

/**
 * An encoder on the engine that was chosen for it; what {@link ModelFiles} is for decoders.
 *
 * <pre>{@code
 * try (OpenEncoder opened = OpenEncoder.load(Path.of("bert"), EngineChoice.DEFAULT)) {
 *     Encoder.Output output = opened.encoder().encode(List.of(Encoder.Input.of(ids))).getFirst();
 * }
 * }</pre>
 *
 * @param engine in words, such as {@code cpu q8_0}
 */
public record OpenEncoder(Encoder encoder, String engine) implements AutoCloseable {

    /** Whether a path is a directory with an encoder, by its configuration, or a GGUF file of one. */
    public static boolean isEncoder(Path model) {
        if (GgufFile.isOne(model)) {
            try (GgufFile file = GgufFile.open(model)) {
                return GgufConfig.read(file) instanceof EncoderSpec;
            }
        }
        return Files.isRegularFile(model.resolve(ModelDirectory.CONFIG)) && ModelDirectory.readNetwork(model) instanceof EncoderSpec;
    }

    /**
     * Loads the encoder of a directory in Hugging Face's layout, or of a GGUF file.
     *
     * @throws FormatException          where the directory holds none, or a file is wrong
     * @throws IllegalArgumentException where it cannot be run as chosen, or there is too little memory; says what to do
     */
    public static OpenEncoder load(Path model, EngineChoice choice) {
        return load(model, Optional.empty(), choice);
    }

    /**
     * The same with a LoRA adapter in its weights, and the head that the adapter brings.
     *
     * @param adapter directory in PEFT's format; empty for none
     */
    public static OpenEncoder load(Path model, Optional<Path> adapter, EngineChoice choice) {
        if (choice.measures() || choice.route() != RouteWanted.LATENCY || choice.cache() != KvPages.Format.F16 || choice.context().isPresent()) {
            throw new IllegalArgumentException(model + " is an encoder, for which only engine, weights, threads and device can be chosen: leave out route, cache, context"
                    + " and automatic precision");
        }
        choice.device().require();
        if (GgufFile.isOne(model)) {
            adapter.ifPresent(directory -> {
                throw new IllegalArgumentException(model + " is a GGUF file, whose weights take no adapter: put " + directory + " on the directory it was made from (zhulong merge)");
            });
            return ofGguf(model, choice);
        }
        try (ModelDirectory files = ModelDirectory.open(model, adapter)) {
            return choice.engine() == Engine.TORCH ? onTorch(files, choice) : onCpu(files, choice);
        }
    }

    private static OpenEncoder ofGguf(Path file, EngineChoice choice) {
        GgufModelFiles.requirePossible(file, choice);
        if (choice.engine() == Engine.TORCH) {
            throw new IllegalArgumentException(file + " is a GGUF file, which the CPU engine runs: leave out --engine torch");
        }
        try (GgufModel model = GgufModel.open(file)) {
            String engine = "cpu " + GgufModelFiles.weightType(model);
            if (model.network() instanceof EncoderSpec) {
                requireMemory(file, engine, CpuMemory.ofEncoder(model), Machine.availableMemory());
            }
            return new OpenEncoder(CpuEncoder.load(model, choice.threads().orElseGet(Libtorch::threads)), engine);
        }
    }

    private static OpenEncoder onCpu(ModelDirectory files, EngineChoice choice) {
        Optional<WeightType> type = choice.asked();
        String engine = "cpu " + type.map(WeightType::name).orElseGet(() -> stored(files)).toLowerCase(Locale.ROOT);
        if (files.network() instanceof EncoderSpec) {
            requireMemory(files.path(), engine, CpuMemory.ofEncoder(files, type), Machine.availableMemory());
        }
        return new OpenEncoder(CpuEncoder.load(files, type, choice.threads().orElseGet(Libtorch::threads)), engine);
    }

    private static OpenEncoder onTorch(ModelDirectory files, EngineChoice choice) {
        long weights = files.plain().weights().values().stream().mapToLong(tensor -> tensor.elements() * Float.BYTES).sum();
        long free = choice.device().isCpu() ? Machine.availableMemory() : choice.device().freeBytes();
        requireMemory(files.path(), "torch", new MemoryEstimate(weights, 0, 0), free < 0 ? Long.MAX_VALUE : free);
        try (var on = DeviceScope.open(choice.device())) {
            return new OpenEncoder(new TorchEncoder(EncoderFiles.load(files)), "torch f32" + (choice.device().isCpu() ? "" : " " + choice.device()));
        }
    }

    /** Of the matrices of layers. */
    static String stored(ModelDirectory files) {
        var weights = files.weights();
        for (Parameter parameter : Parameters.of(files.network())) {
            TensorView view = parameter.isProjection() ? weights.get(parameter.name()) : null;
            if (view != null) {
                return files.quantization().map(config -> config.weights().get(parameter.name())).orElse(view.type().name());
            }
        }
        return "F32";
    }

    /** Refuses what does not fit, in one sentence. @throws IllegalArgumentException where {@code needs} is more than {@code available} */
    public static void requireMemory(Path model, String engine, MemoryEstimate needs, long available) {
        if (needs.total(0) > available) {
            throw new IllegalArgumentException(String.format(Locale.ROOT, "%s on %s needs %s of memory (%s for weights, %s for buffers) and %s are available: close other"
                    + " programs or use a smaller model", model, engine, Sizes.memory(needs.total(0)), Sizes.memory(needs.weights()), Sizes.memory(needs.buffers()),
                    Sizes.memory(available)));
        }
    }

    @Override
    public void close() {
        encoder.close();
    }
}
