package dev.zhulong.compress;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.gguf.GgufExport;
import dev.zhulong.formats.gguf.GgufFile;
import dev.zhulong.formats.gguf.GgufWeight;
import dev.zhulong.formats.gguf.GgufWriter;
import dev.zhulong.text.GgufVocabulary;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** What GGUF files of a model would take, before any is written. */
public final class PredictedSize {
    /** Beside tensors and vocabulary: the model's own keys, and names, shapes and padding of a tensor. */
    private static final long KEYS = 4096;
    private static final long TENSOR = 160;

    private final DecoderSpec spec;
    private final List<GgufWeight> weights;
    private final long beside;

    /**
     * Of a decoder in a directory.
     *
     * @throws IllegalArgumentException where GGUF cannot say what the model is
     */
    public PredictedSize(Path model) {
        try (ModelDirectory source = ModelDirectory.open(model)) {
            spec = source.spec();
            weights = GgufExport.weights(spec);
            beside = besideTensors(model, weights.size());
        }
    }

    /**
     * Bytes of a file beside what its tensors hold, by at most a few thousand too many.
     *
     * @param model   that it is made of: a directory, or another GGUF file
     * @param tensors that it will have
     */
    static long besideTensors(Path model, int tensors) {
        try {
            if (!Files.isDirectory(model)) {
                try (GgufFile file = GgufFile.open(model)) {
                    return file.bytes() - file.tensors().values().stream().mapToLong(tensor -> tensor.data().byteSize()).sum() + KEYS;
                }
            }
            Path file = Files.createTempFile("zhulong", ".gguf");
            try (ModelDirectory source = ModelDirectory.open(model)) {
                GgufWriter.write(file, GgufVocabulary.of(model, source.spec().vocabSize()), List.of());
                return Files.size(file) + KEYS + (long) TENSOR * tensors;
            } finally {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Bytes of the file, by at most a few thousand too many.
     *
     * @param importance whether the rounding knows what columns count, which lets some mixes take fewer bits
     */
    public long bytes(Precision precision, boolean importance) {
        var mix = new TensorMix(precision, spec, weights.stream().anyMatch(weight -> weight.gguf().equals(Importance.HEAD)), importance);
        long bytes = beside;
        for (GgufWeight weight : weights) {
            long[] shape = weight.shape();
            long rows = 1;
            for (int d = 0; d + 1 < shape.length; d++) {
                rows *= shape[d];
            }
            bytes += rows * mix.type(weight.gguf(), shape).rowBytes(Math.toIntExact(shape[shape.length - 1]));
        }
        return bytes;
    }

    /** How many weights there are. */
    public long weights() {
        return weights.stream().mapToLong(PredictedSize::elements).sum();
    }

    /** Share of the weights that belong to the vocabulary: the embedding's, and the head's where it has its own. */
    public double vocabularyShare() {
        long all = weights();
        return weights.stream().filter(weight -> weight.gguf().equals("token_embd.weight") || weight.gguf().equals("output.weight")).mapToLong(PredictedSize::elements).sum() / (double) all;
    }

    private static long elements(GgufWeight weight) {
        long elements = 1;
        for (long size : weight.shape()) {
            elements *= size;
        }
        return elements;
    }
}
