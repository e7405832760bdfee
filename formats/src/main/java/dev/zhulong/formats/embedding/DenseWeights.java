package dev.zhulong.formats.embedding;

import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.SafetensorsFile;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The weights of an {@link EmbeddingConfig.Dense}.
 *
 * @param weight {@code [outputs, inputs]}
 * @param bias   {@code [outputs]}, or null
 */
public record DenseWeights(float[] weight, float[] bias) {
    /**
     * Reads them.
     *
     * @param directory of the model
     * @throws FormatException where they are missing, pickled or of another shape
     */
    public static DenseWeights read(Path directory, EmbeddingConfig.Dense dense) {
        Path folder = directory.resolve(dense.folder());
        Path file = folder.resolve("model.safetensors");
        if (!Files.exists(file) && Files.exists(folder.resolve("pytorch_model.bin"))) {
            throw new FormatException(folder.resolve("pytorch_model.bin"), "a pickle file can run code when it is opened and is refused; save the model with"
                    + " safe_serialization=True on a machine where that does not matter");
        }
        try (var weights = SafetensorsFile.open(file)) {
            float[] weight = weights.tensor("linear.weight").requireShape(dense.outputs(), dense.inputs()).toFloats();
            return new DenseWeights(weight, dense.bias() ? weights.tensor("linear.bias").requireShape(dense.outputs()).toFloats() : null);
        }
    }
}
