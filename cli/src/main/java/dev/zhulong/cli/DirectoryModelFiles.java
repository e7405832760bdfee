package dev.zhulong.cli;

import dev.zhulong.cli.EngineOptions.Engine;
import dev.zhulong.cli.EngineOptions.Weights;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.GenerationConfig;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.gguf.GgufWeight;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.MemoryEstimate;
import dev.zhulong.infer.TorchEngine;
import dev.zhulong.infer.cpu.Chooser;
import dev.zhulong.infer.cpu.CpuEngine;
import dev.zhulong.infer.cpu.CpuMemory;
import dev.zhulong.infer.cpu.CpuOptions;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.tensor.Libtorch;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.chat.ChatTemplate;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** A directory in Hugging Face's layout, with an adapter or without: on either engine. */
final class DirectoryModelFiles extends ModelFiles {
    /** Weights and their index, configurations, and the files of the tokenizer and its template. */
    private static final Pattern READ = Pattern.compile(".*\\.safetensors(\\.index\\.json)?|.*config\\.json|(tokenizer|special_tokens_map|added_tokens)\\.json"
            + "|.*\\.jinja");

    private final ModelDirectory files;
    /** Null for none. */
    private final Path adapter;
    private final boolean cpu;
    /** What matrices are quantised to; empty for as they are stored. */
    private Optional<WeightType> weights;

    private DirectoryModelFiles(ModelDirectory files, Path adapter, boolean cpu, Weights weights, CpuOptions options, Integer context) {
        super(files.path(), files.spec(), options, context);
        this.files = files;
        this.adapter = adapter;
        this.cpu = cpu;
        this.weights = weights.type();
    }

    /**
     * @param adapter null for none
     * @param context null for the model's
     */
    static DirectoryModelFiles open(Path directory, Path adapter, Engine engine, Weights weights, CpuOptions options, Integer context) {
        ModelDirectory files = ModelDirectory.open(directory);
        boolean cpu = switch (engine) {
            case CPU -> true;
            case TORCH -> false;
            case AUTO -> adapter == null && !isDynamic(files.spec());
        };
        try {
            return new DirectoryModelFiles(files, adapter, cpu, weights, options, context);
        } catch (RuntimeException e) {
            files.close();
            throw e;
        }
    }

    /** Whether rotary angles change as a sequence grows, and with them what is cached already. */
    private static boolean isDynamic(DecoderSpec spec) {
        return spec.rope() != null && spec.rope().scaling() instanceof DecoderSpec.Scaling.Dynamic;
    }

    @Override
    GenerationConfig advice() {
        return files.generationConfig();
    }

    @Override
    List<Integer> eosIds() {
        return files.eosIds();
    }

    @Override
    ChatTemplate template() {
        return ChatTemplate.load(adapter != null && Files.isRegularFile(adapter.resolve(ChatTemplate.FILE)) ? adapter : files.path());
    }

    @Override
    Optional<String> notice() {
        return files.notice();
    }

    @Override
    boolean onCpu() {
        return cpu;
    }

    @Override
    String weightType() {
        if (weights.isPresent()) {
            return weights.get().name().toLowerCase(Locale.ROOT);
        }
        var elements = new TreeMap<String, Long>();
        Map<String, String> quantised = files.quantization().map(config -> config.weights()).orElse(Map.of());
        Map<String, TensorView> stored = files.weights();
        for (GgufWeight weight : GgufWeight.of(spec())) {
            TensorView tensor = stored.get(weight.huggingFace());
            if (tensor != null && weight.shape().length == 2 && weight.gguf().startsWith("blk.")) {
                elements.merge(quantised.getOrDefault(weight.huggingFace(), tensor.type().name()), weight.shape()[0] * weight.shape()[1], Long::sum);
            }
        }
        return most(elements);
    }

    @Override
    boolean canQuantise() {
        return files.quantization().isEmpty();
    }

    @Override
    Chooser chooser(boolean precisions) {
        return Chooser.of(files, precisions ? AutoChoice.PRECISIONS : List.of(weights));
    }

    @Override
    void quantiseTo(Optional<WeightType> type) {
        weights = type;
    }

    @Override
    MemoryEstimate memory() {
        return cpu ? CpuMemory.of(files, weights, options()) : MemoryEstimate.ofTorch(files);
    }

    @Override
    SortedMap<String, Path> files() {
        SortedMap<String, Path> found = new TreeMap<>();
        put(found, "model/", files.path());
        if (adapter != null) {
            put(found, "adapter/", adapter);
        }
        return found;
    }

    private static void put(SortedMap<String, Path> found, String prefix, Path directory) {
        try (Stream<Path> entries = Files.list(directory)) {
            entries.filter(file -> READ.matcher(file.getFileName().toString()).matches())
                    .forEach(file -> found.put(prefix + file.getFileName(), file));
        } catch (IOException e) {
            throw new UncheckedIOException(directory + ": cannot be read: " + e.getMessage(), e);
        }
    }

    @Override
    boolean hasTokenizer() {
        return files.tokenizer().isPresent();
    }

    @Override
    Tokenizer openTokenizer() {
        return HuggingFaceTokenizer.load(files.path());
    }

    @Override
    LanguageModel openEngine() {
        if (cpu) {
            return CpuEngine.load(files, weights, calibrated());
        }
        if (threads() != Libtorch.threads()) {
            Libtorch.threads(threads());
        }
        Decoder model = DecoderFiles.load(files);
        if (adapter != null) {
            try {
                adapt(model, adapter);
            } catch (RuntimeException e) {
                model.close();
                throw e;
            }
        }
        return new TorchEngine(model);
    }

    /** An adapter that was asked for and does nothing would look like one that works. */
    private static void adapt(Decoder model, Path directory) {
        LoraAdapter adapter = LoraAdapter.load(directory, model);
        if (adapter.changesNothing()) {
            adapter.close();
            throw new IllegalArgumentException(directory + ": this adapter changes nothing: it has not been trained");
        }
        model.attach(adapter);
    }

    @Override
    String advice(MemoryEstimate needs) {
        boolean fourBits = weights.isPresent() && weights.get() != WeightType.Q8_0;
        return adapter != null || fourBits ? "" : "take --weights " + (weights.isPresent() ? "q4_0, " : "q8_0 or q4_0, ");
    }

    @Override
    void closeWeights() {
        files.close();
    }
}
