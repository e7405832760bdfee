package dev.zhulong.infer.open;

import dev.zhulong.formats.GenerationConfig;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.formats.gguf.GgufWeight;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.MemoryEstimate;
import dev.zhulong.infer.cpu.Chooser;
import dev.zhulong.infer.cpu.CpuEngine;
import dev.zhulong.infer.cpu.CpuMemory;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.text.GgufTokenizer;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.chat.ChatTemplate;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/** A GGUF file: on the CPU engine, with the types it has. */
final class GgufModelFiles extends ModelFiles {
    private final GgufModel files;

    private GgufModelFiles(GgufModel files, Path adapter, EngineChoice choice) {
        super(files.file().path(), adapter, files.spec(), choice);
        this.files = files;
    }

    /** @param adapter null for none */
    static GgufModelFiles open(Path file, Path adapter, EngineChoice choice) {
        requirePossible(file, choice);
        GgufModel files = GgufModel.open(file);
        try {
            return new GgufModelFiles(files, adapter, choice);
        } catch (RuntimeException e) {
            files.close();
            throw e;
        }
    }

    /** Refuses what no GGUF file can be run as. */
    static void requirePossible(Path file, EngineChoice choice) {
        if (choice.weights().isPresent()) {
            throw new IllegalArgumentException("weights are quantized while a directory is loaded; " + file + " is a GGUF file, whose types are fixed (zhulong quantize"
                    + " makes others from the directory)");
        }
        if (!choice.device().isCpu()) {
            throw new IllegalArgumentException(file + " is a GGUF file, which the CPU engine runs on the processor: leave out the device");
        }
    }

    /** The format knows none but where sequences end. */
    @Override
    public GenerationConfig advice() {
        return GenerationConfig.of(spec().bosId(), spec().eosIds());
    }

    @Override
    List<Integer> ownEosIds() {
        return spec().eosIds();
    }

    @Override
    ChatTemplate ownTemplate() {
        return ChatTemplate.load(files.file().metadata());
    }

    @Override
    Optional<String> ownNotice() {
        return Optional.empty();
    }

    @Override
    public boolean onCpu() {
        return true;
    }

    @Override
    boolean canQuantise() {
        return false;
    }

    @Override
    Chooser chooser(boolean precisions) {
        return Chooser.of(files);
    }

    @Override
    void quantiseTo(Optional<WeightType> type) {
        // has the types it has
    }

    @Override
    String weightType() {
        return weightType(files);
    }

    /** What most elements of a model's matrices are held in. */
    static String weightType(GgufModel files) {
        var elements = new TreeMap<String, Long>();
        for (GgufWeight weight : files.weights().values()) {
            if (weight.shape().length == 2 && weight.parameter().layer() >= 0) {
                elements.merge(files.type(weight).name(), weight.shape()[0] * weight.shape()[1], Long::sum);
            }
        }
        return most(elements);
    }

    @Override
    MemoryEstimate engineMemory() {
        return CpuMemory.of(files, options());
    }

    @Override
    SortedMap<String, Path> modelFiles() {
        var found = new TreeMap<String, Path>();
        files.file().parts().forEach(file -> found.put("model/" + file.getFileName(), file));
        return found;
    }

    @Override
    public boolean hasTokenizer() {
        return GgufTokenizer.isIn(files.file().metadata());
    }

    @Override
    Tokenizer openTokenizer() {
        return GgufTokenizer.load(files.file().metadata());
    }

    @Override
    LanguageModel openEngine() {
        return CpuEngine.load(files, calibrated());
    }

    @Override
    String advice(MemoryEstimate needs) {
        return "";
    }

    @Override
    void closeWeights() {
        files.close();
    }
}
