package dev.zhulong.infer.open;

import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.GenerationConfig;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.gguf.GgufConfig;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.infer.ConditionalModel;
import dev.zhulong.infer.MemoryEstimate;
import dev.zhulong.infer.cpu.CpuEncoderDecoder;
import dev.zhulong.infer.cpu.CpuMemory;
import dev.zhulong.infer.cpu.CpuOptions;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.open.EngineChoice.RouteWanted;
import dev.zhulong.infer.search.Continuations;
import dev.zhulong.infer.search.SearchOptions;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.model.EncoderDecoder;
import dev.zhulong.tensor.DeviceScope;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * An encoder–decoder on the engine that was chosen for it; what {@link OpenEncoder} is for encoders.
 *
 * <pre>{@code
 * try (OpenEncoderDecoder opened = OpenEncoderDecoder.load(Path.of("opus-mt-en-zh"), EngineChoice.DEFAULT)) {
 *     List<String> texts = new Rewriter(opened.model(), tokenizer, OptionalInt.empty(), options).write(List.of("Good morning."));
 * }
 * }</pre>
 *
 * @param files     directory, or GGUF file
 * @param adapter   of the adapter in its weights; empty for none
 * @param engine    in words, such as {@code cpu q8_0}
 * @param sequences the same with a cache for each sequence, on the CPU engine; empty on torch
 * @param advice    of its makers, for generation
 * @param needs     memory
 * @param free      gives the weights back
 */
public record OpenEncoderDecoder(Path files, Optional<Path> adapter, Continuations model, String engine, Optional<ConditionalModel> sequences, GenerationConfig advice, MemoryEstimate needs,
        Runnable free) implements AutoCloseable {

    /** Fewer tokens than these are of no use. */
    private static final long FEWEST = 1024;

    /** Whether a path is a directory with an encoder–decoder, by its configuration, or a GGUF file of one. */
    public static boolean isEncoderDecoder(Path model) {
        if (GgufFile.isOne(model)) {
            try (GgufFile file = GgufFile.open(model)) {
                return GgufConfig.read(file) instanceof EncoderDecoderSpec;
            }
        }
        return Files.isRegularFile(model.resolve(ModelDirectory.CONFIG)) && ModelDirectory.readNetwork(model) instanceof EncoderDecoderSpec;
    }

    /**
     * Loads the encoder–decoder of a directory in Hugging Face's layout or of a GGUF file; where the choice leaves the engine open, on the CPU engine.
     *
     * @throws FormatException          where the directory holds none, or a file is wrong
     * @throws IllegalArgumentException where it cannot be run as chosen, or there is too little memory; says what to do
     */
    public static OpenEncoderDecoder load(Path model, EngineChoice choice) {
        return load(model, Optional.empty(), choice);
    }

    /**
     * The same with a LoRA adapter in its weights.
     *
     * @param adapter directory in PEFT's format; empty for none
     */
    public static OpenEncoderDecoder load(Path model, Optional<Path> adapter, EngineChoice choice) {
        if (choice.measures() || choice.route() != RouteWanted.LATENCY || choice.context().isPresent()) {
            throw new IllegalArgumentException(model + " is an encoder–decoder, for which engine, weights, the type of the cache, threads and device can be chosen: leave out"
                    + " route, context and automatic precision");
        }
        choice.device().require();
        if (GgufFile.isOne(model)) {
            adapter.ifPresent(directory -> {
                throw new IllegalArgumentException(model + " is a GGUF file, whose weights take no adapter: put " + directory + " on the directory it was made from (zhulong merge)");
            });
            return ofGguf(model, choice);
        }
        try (ModelDirectory files = ModelDirectory.open(model, adapter)) {
            if (files.network() instanceof EncoderDecoderSpec spec) {
                spec.requireReads(model);
            }
            return choice.engine() == Engine.TORCH ? onTorch(files, adapter, choice) : onCpu(files, adapter, choice);
        }
    }

    private static OpenEncoderDecoder ofGguf(Path file, EngineChoice choice) {
        GgufModelFiles.requirePossible(file, choice);
        if (choice.engine() == Engine.TORCH) {
            throw new IllegalArgumentException(file + " is a GGUF file, which the CPU engine runs: leave out --engine torch");
        }
        try (GgufModel model = GgufModel.open(file)) {
            String engine = "cpu " + GgufModelFiles.weightType(model);
            MemoryEstimate needs = model.network() instanceof EncoderDecoderSpec ? CpuMemory.ofEncoderDecoder(model, choice.cpu()) : new MemoryEstimate(0, 0, 0);
            OpenEncoder.requireMemory(file, engine, needs, Machine.availableMemory());
            var loaded = CpuEncoderDecoder.load(model, choice.cpu());
            var ids = loaded.network().ids();
            return new OpenEncoderDecoder(file, Optional.empty(), Continuations.of(loaded), engine, Optional.of(loaded), GenerationConfig.of(ids.bos(), ids.eos()), needs, loaded::close);
        }
    }

    private static OpenEncoderDecoder onCpu(ModelDirectory files, Optional<Path> adapter, EngineChoice choice) {
        Optional<WeightType> type = choice.asked();
        CpuOptions options = choice.cpu();
        String engine = "cpu " + type.map(WeightType::name).orElseGet(() -> OpenEncoder.stored(files)).toLowerCase(Locale.ROOT);
        // what is none is refused by its loader
        MemoryEstimate needs = files.network() instanceof EncoderDecoderSpec ? CpuMemory.ofEncoderDecoder(files, type, options) : new MemoryEstimate(0, 0, 0);
        OpenEncoder.requireMemory(files.path(), engine, needs, Machine.availableMemory());
        var loaded = CpuEncoderDecoder.load(files, type, options);
        return new OpenEncoderDecoder(files.path(), adapter, Continuations.of(loaded), engine, Optional.of(loaded), files.generationConfig(), needs, loaded::close);
    }

    private static OpenEncoderDecoder onTorch(ModelDirectory files, Optional<Path> adapter, EngineChoice choice) {
        long weights = files.plain().weights().values().stream().mapToLong(tensor -> tensor.elements() * Float.BYTES).sum();
        long free = choice.device().isCpu() ? Machine.availableMemory() : choice.device().freeBytes();
        var needs = new MemoryEstimate(weights, 0, 0);
        OpenEncoder.requireMemory(files.path(), "torch", needs, free < 0 ? Long.MAX_VALUE : free);
        try (var on = DeviceScope.open(choice.device())) {
            EncoderDecoder loaded = EncoderDecoder.load(files);
            String engine = "torch f32" + (choice.device().isCpu() ? "" : " " + choice.device());
            return new OpenEncoderDecoder(files.path(), adapter, Continuations.of(loaded), engine, Optional.empty(), files.generationConfig(), needs, loaded::close);
        }
    }

    /** How texts are searched for, as the directory says. */
    public SearchOptions searchOptions() {
        EncoderDecoderSpec spec = model.spec();
        return SearchOptions.read(files, spec.ids(), spec.longest(), spec.vocabSize());
    }

    /** What tells the model as it is run here from every other, in a moment, on one line. */
    public String fingerprint() {
        SortedMap<String, Path> parts = Files.isDirectory(files) ? ModelIdentity.filesIn(files, "model/") : new TreeMap<>(Map.of("model/" + files.getFileName(), files));
        adapter.ifPresent(from -> parts.putAll(ModelIdentity.filesIn(from, "adapter/")));
        return new ModelIdentity(parts, engine, 0, "").quick();
    }

    /**
     * As many of {@code tokens} in caches, those of sources included, as fit well into memory beside what is loaded.
     *
     * @throws IllegalArgumentException where that is next to nothing
     */
    public long fitting(long tokens) {
        long available = Machine.availableMemory();
        // a tenth is left to others: what is available now is not all there a moment later
        long fit = needs.cachePerToken() == 0 ? tokens : (available - available / 10 - needs.buffers()) / needs.cachePerToken();
        if (fit < Math.min(tokens, FEWEST)) {
            throw new IllegalArgumentException(String.format(Locale.ROOT, "%s on %s has memory for keys and values of %,d tokens, and %,d are needed to be of use: close other programs or"
                    + " use a smaller model", files, engine, Math.max(0, fit), Math.min(tokens, FEWEST)));
        }
        return Math.min(tokens, fit);
    }

    @Override
    public void close() {
        free.run();
    }
}
