package dev.zhulong.model;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.ModelDirectory;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.UnaryOperator;

/** Decoders from Hugging Face directories; {@link NetworkFiles#save} writes them. */
public final class DecoderFiles {
    private DecoderFiles() {}

    /** Opens {@code directory}, loads its weights as F32, onto the device whose scope is open, and closes it again. */
    public static Decoder load(Path directory) {
        try (ModelDirectory files = ModelDirectory.open(directory)) {
            return load(files);
        }
    }

    /** The same for a decoder that attends otherwise from now on. @param change to a spec with the same weights */
    public static Decoder load(Path directory, UnaryOperator<DecoderSpec> change) {
        return load(directory, change, Placing.HERE);
    }

    /** The same, each weight put somewhere as soon as it is read. */
    public static Decoder load(Path directory, UnaryOperator<DecoderSpec> change, Placing placing) {
        try (ModelDirectory files = ModelDirectory.open(directory)) {
            return new Decoder(change.apply(files.spec()), NetworkFiles.load(files, placing));
        }
    }

    /** Loads weights as F32 onto the device whose scope is open, whatever float type they are stored in. */
    public static Decoder load(ModelDirectory files) {
        return load(files, Optional.empty());
    }

    /**
     * The same with the layers' projections rounded to {@code format} as they are read, so that they are never all there in F32. Embedding, norms, biases
     * and head stay F32.
     */
    public static Decoder loadQuantized(Path directory, QuantizedMatrix.Format format) {
        try (ModelDirectory files = ModelDirectory.open(directory)) {
            return load(files, Optional.of(format));
        }
    }

    private static Decoder load(ModelDirectory files, Optional<QuantizedMatrix.Format> format) {
        DecoderSpec spec = files.spec();
        NetworkFiles.Loaded loaded = NetworkFiles.load(files, format);
        return new Decoder(spec, loaded.tensors(), loaded.quantized());
    }
}
