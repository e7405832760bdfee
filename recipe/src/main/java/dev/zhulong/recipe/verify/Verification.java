package dev.zhulong.recipe.verify;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.VisionSpec;
import dev.zhulong.formats.gguf.GgufConfig;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.infer.Encoder;
import dev.zhulong.infer.LanguageModel;
import dev.zhulong.infer.TorchEncoder;
import dev.zhulong.infer.cpu.CpuEncoder;
import dev.zhulong.infer.cpu.CpuEncoderDecoder;
import dev.zhulong.infer.cpu.CpuOptions;
import dev.zhulong.infer.open.EngineChoice;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.open.ModelFiles;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.model.EncoderDecoder;
import dev.zhulong.model.EncoderFiles;
import dev.zhulong.model.VisionEncoder;
import dev.zhulong.tensor.Libtorch;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Computes what a reference holds from its inputs, in F32, and compares. Nothing is taken from the reference but its inputs and, of text that was written,
 * how long it is.
 *
 * @param differences of everything that was computed
 * @param notes       what the reader should know besides, in sentences
 */
public record Verification(List<Line> differences, List<String> notes) {
    /**
     * How far one tensor or number is from the reference.
     *
     * @param largest  difference of any element; relative for gradient norms
     * @param allowed  the most it may be
     * @param compared whether the reference has it
     */
    public record Line(String name, double largest, double allowed, boolean compared) {
        /** Whether it is near enough, or cannot be compared. */
        public boolean holds() {
            return !compared || largest <= allowed;
        }
    }

    /**
     * Runs a model.
     *
     * @param model  a directory, or a GGUF file
     * @param golden the reference's safetensors file
     * @param engine {@code TORCH} also computes losses and gradients, where the model is a directory
     * @param out    where everything that was computed is written; null for nowhere
     * @throws FormatException where the model or the reference cannot be read
     */
    public static Verification of(Path model, Path golden, Engine engine, Path out) {
        var computed = new Computed();
        try (Golden reference = Golden.open(golden)) {
            NetworkSpec network = network(model);
            requireInput(reference, network instanceof VisionSpec ? Golden.PIXELS : network instanceof EncoderDecoderSpec both && both.hears() ? Golden.SOUND : Golden.IDS);
            switch (network) {
                case EncoderSpec encoder -> encoder(model, reference, engine, computed);
                case EncoderDecoderSpec both -> encoderDecoder(model, reference, engine, computed);
                case VisionSpec vision -> vision(model, reference, engine, computed);
                case DecoderSpec decoder -> decoder(model, reference, engine, computed);
            }
            if (out != null) {
                computed.write(out);
            }
            return new Verification(computed.differences(reference), computed.notes());
        }
    }

    /** Each kind of model is given another input. */
    private static void requireInput(Golden reference, String wanted) {
        if (reference.find(wanted).isEmpty()) {
            throw new FormatException(reference.path(), "expected a tensor " + wanted + ", which this model is given, found none: this reference belongs to another model");
        }
    }

    private static NetworkSpec network(Path model) {
        if (Files.isDirectory(model)) {
            return ModelDirectory.readNetwork(model);
        }
        try (GgufFile file = GgufFile.open(model)) {
            return GgufConfig.read(file);
        }
    }

    private static void encoder(Path model, Golden reference, Engine engine, Computed computed) {
        if (engine == Engine.TORCH) {
            try (var network = EncoderFiles.load(model)) {
                EncoderOutputs.of(new TorchEncoder(network), reference, computed);
                EncoderOutputs.losses(network, reference, computed);
            }
            return;
        }
        if (GgufFile.isOne(model)) {
            try (GgufModel file = GgufModel.open(model); Encoder loaded = CpuEncoder.load(file, Libtorch.threads())) {
                EncoderOutputs.of(loaded, reference, computed);
            }
            return;
        }
        try (ModelDirectory files = ModelDirectory.open(model); Encoder loaded = CpuEncoder.load(files, Optional.empty(), Libtorch.threads())) {
            EncoderOutputs.of(loaded, reference, computed);
        }
    }

    private static void encoderDecoder(Path model, Golden reference, Engine engine, Computed computed) {
        if (engine != Engine.TORCH) {
            CpuOptions options = CpuOptions.of(Libtorch.threads()).withCache(KvPages.Format.F32);
            if (GgufFile.isOne(model)) {
                try (GgufModel file = GgufModel.open(model); CpuEncoderDecoder loaded = CpuEncoderDecoder.load(file, options)) {
                    EncoderDecoderOutputs.of(loaded, model, reference, computed);
                }
                return;
            }
            try (ModelDirectory files = ModelDirectory.open(model); CpuEncoderDecoder loaded = CpuEncoderDecoder.load(files, Optional.empty(), options)) {
                EncoderDecoderOutputs.of(loaded, model, reference, computed);
            }
            return;
        }
        try (var network = EncoderDecoder.load(model)) {
            if (network.spec().hears()) {
                SpeechOutputs.of(network, reference, computed);
                return;
            }
            EncoderDecoderOutputs.of(network, model, reference, computed);
        }
    }

    private static void vision(Path model, Golden reference, Engine engine, Computed computed) {
        if (engine != Engine.TORCH) {
            throw new IllegalArgumentException("networks that see pictures run on the torch engine alone: leave out --engine cpu");
        }
        try (var network = VisionEncoder.load(model)) {
            VisionOutputs.of(network, model, reference, computed);
        }
    }

    private static void decoder(Path model, Golden reference, Engine engine, Computed computed) {
        EngineChoice choice = EngineChoice.DEFAULT.withEngine(engine);
        try (ModelFiles files = ModelFiles.open(model, engine == Engine.TORCH ? choice : choice.withCache(KvPages.Format.F32))) {
            requireFits(reference, files.context(), files.spec().vocabSize());
            if (Arrays.stream(reference.mask().orElse(new int[0])).anyMatch(seen -> seen == 0)) {
                throw new FormatException(reference.path(), "attention_mask hides tokens, and a decoder is verified on rows without padding: leave it out");
            }
            try (LanguageModel loaded = files.loadEngine(reference.seq())) {
                DecoderOutputs.of(loaded, files.eosIds(), reference, computed);
            }
        }
        if (engine == Engine.TORCH) {
            DecoderOutputs.losses(model, reference, computed);
        }
    }

    static void requireFits(Golden reference, int context, int vocab) {
        if (reference.seq() > context) {
            throw new FormatException(reference.path(), "input_ids has " + reference.seq() + " tokens a row, and the model's context is " + context);
        }
        for (int id : reference.ints(Golden.IDS).orElseThrow()) {
            if (id < 0 || id >= vocab) {
                throw new FormatException(reference.path(), "input_ids has the id " + id + ", and the model's vocabulary is " + vocab
                        + ": this reference belongs to another model");
            }
        }
    }

    /** Whether all that was compared is near enough. */
    public boolean holds() {
        return differences.stream().allMatch(Line::holds);
    }
}
