package dev.zhulong.infer.open;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.DecoderSpec.Scaling;
import dev.zhulong.formats.GenerationConfig;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.gguf.GgufWeight;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.MemoryEstimate;
import dev.zhulong.infer.TorchEngine;
import dev.zhulong.infer.cpu.Chooser;
import dev.zhulong.infer.cpu.CpuAdapter;
import dev.zhulong.infer.cpu.CpuEngine;
import dev.zhulong.infer.cpu.CpuMemory;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.DecoderFiles;
import dev.zhulong.model.LoraAdapter;
import dev.zhulong.tensor.DeviceScope;
import dev.zhulong.tensor.Libtorch;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.chat.ChatTemplate;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;

/** A directory in Hugging Face's layout, with an adapter or without: on either engine. */
final class DirectoryModelFiles extends ModelFiles {
    private final ModelDirectory files;
    private final boolean cpu;
    /** What matrices are quantised to; empty for as they are stored. */
    private Optional<WeightType> weights;

    private DirectoryModelFiles(ModelDirectory files, Path adapter, boolean cpu, EngineChoice choice) {
        super(files.path(), adapter, files.spec(), choice);
        this.files = files;
        this.cpu = cpu;
        this.weights = choice.asked();
    }

    /** @param adapter null for none */
    static DirectoryModelFiles open(Path directory, Path adapter, EngineChoice choice) {
        ModelDirectory files = ModelDirectory.open(directory);
        try {
            boolean cpu = choice.needsCpu()
                    || choice.engine() == Engine.AUTO && !isDynamic(files.spec()) && (adapter == null || CpuAdapter.obstacle(adapter).isEmpty());
            return new DirectoryModelFiles(files, adapter, cpu, choice);
        } catch (RuntimeException e) {
            files.close();
            throw e;
        }
    }

    /** Whether rotary angles change as a sequence grows, and with them what is cached already. */
    private static boolean isDynamic(DecoderSpec spec) {
        return IntStream.range(0, spec.layers()).mapToObj(spec.stack()::rope).anyMatch(rope -> rope != null && rope.scaling() instanceof Scaling.Dynamic);
    }

    @Override
    public GenerationConfig advice() {
        return files.generationConfig();
    }

    @Override
    List<Integer> ownEosIds() {
        return files.eosIds();
    }

    @Override
    ChatTemplate ownTemplate() {
        return ChatTemplate.load(files.path());
    }

    @Override
    Optional<String> ownNotice() {
        return files.notice();
    }

    @Override
    public boolean onCpu() {
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
        for (GgufWeight weight : GgufWeight.ofNetwork(spec())) {
            TensorView tensor = stored.get(weight.huggingFace());
            if (tensor != null && weight.shape().length == 2 && weight.parameter().layer() >= 0) {
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
    MemoryEstimate engineMemory() {
        return cpu ? CpuMemory.of(files, weights, options()) : MemoryEstimate.ofTorch(files);
    }

    @Override
    SortedMap<String, Path> modelFiles() {
        return ModelIdentity.filesIn(files.path(), "model/");
    }

    @Override
    public boolean hasTokenizer() {
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
        try (var on = DeviceScope.open(device())) {
            Decoder model = DecoderFiles.load(files);
            if (adapter() != null) {
                try {
                    adapt(model, adapter());
                } catch (RuntimeException e) {
                    model.close();
                    throw e;
                }
            }
            return new TorchEngine(model);
        }
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
        return fourBits ? "" : "use --weights " + (weights.isPresent() ? "q4_0, " : "q8_0 or q4_0, ");
    }

    @Override
    void closeWeights() {
        files.close();
    }
}
