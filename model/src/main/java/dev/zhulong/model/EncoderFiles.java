package dev.zhulong.model;

import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.NetworkSpec;
import java.nio.file.Path;
import java.util.Optional;

/** Encoders from Hugging Face directories; {@link NetworkFiles#save} writes them. */
public final class EncoderFiles {
    private EncoderFiles() {}

    /** Opens {@code directory}, loads its weights as F32, onto the device whose scope is open, and closes it again. */
    public static Encoder load(Path directory) {
        try (ModelDirectory files = ModelDirectory.open(directory)) {
            return load(files);
        }
    }

    /**
     * Loads weights as F32 onto the device whose scope is open, whatever float type they are stored in.
     *
     * @throws FormatException when the directory holds no encoder
     */
    public static Encoder load(ModelDirectory files) {
        EncoderSpec spec = spec(files.network(), files.path());
        NetworkFiles.Loaded loaded = NetworkFiles.load(files, Optional.empty());
        return new Encoder(spec, loaded.tensors(), loaded.quantized());
    }

    /**
     * The encoder of a directory under another head, which is to be trained: what the files do not hold of it is fresh, the same for the same seed.
     *
     * @param wanted of the directory's network, by such as {@link EncoderSpec#withTags}
     */
    public static Encoder loadAs(ModelDirectory files, EncoderSpec wanted, long seed) {
        return loadAs(files, wanted, Optional.empty(), seed);
    }

    /** The same with the layers' projections rounded to {@code format} where there is one. */
    public static Encoder loadAs(ModelDirectory files, EncoderSpec wanted, Optional<QuantizedMatrix.Format> format, long seed) {
        NetworkFiles.Loaded loaded = NetworkFiles.loadFresh(files, wanted, format, seed);
        return new Encoder(wanted, loaded.tensors(), loaded.quantized());
    }

    private static EncoderSpec spec(NetworkSpec network, Path path) {
        if (network instanceof EncoderSpec spec) {
            return spec;
        }
        throw new FormatException(path, "holds a decoder (" + network.family().modelType() + "), and an encoder such as BERT is needed here");
    }
}
