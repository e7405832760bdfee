package dev.zhulong.train;

import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.HalfFloats;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.TensorView;
import dev.zhulong.model.NetworkFiles;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.Tensor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What compressed gradients still owe the weights: in a checkpoint one tensor for each, summed over the ranks, so that any number of them can go on, one that does not
 * compress among them.
 */
final class Residuals {
    /** Of a checkpoint. */
    static final String FILE = "residuals.safetensors";
    private static final String PREFIX = "residual.";

    private final Map<Tensor, Tensor> waiting = new IdentityHashMap<>();

    /** @param residuals by weight, and weights by name */
    static void write(Path directory, Map<String, Tensor> trained, Map<Tensor, Tensor> residuals) {
        Map<String, Tensor> stored = new LinkedHashMap<>();
        trained.forEach((name, weight) -> stored.put(PREFIX + name, residuals.get(weight)));
        NetworkFiles.writeTensors(directory.resolve(FILE), stored, StorageType.F32);
    }

    static boolean isIn(Path checkpoint) {
        return Files.exists(checkpoint.resolve(FILE));
    }

    /** Those of a checkpoint, by weight; none where it has none. */
    static Map<Tensor, Tensor> read(Path checkpoint, Map<String, Tensor> trained) {
        Map<Tensor, Tensor> all = new IdentityHashMap<>();
        if (!isIn(checkpoint)) {
            return all;
        }
        Path file = checkpoint.resolve(FILE);
        try (SafetensorsFile stored = SafetensorsFile.open(file)) {
            trained.forEach((name, weight) -> {
                TensorView view = stored.tensors().get(PREFIX + name);
                if (view == null) {
                    throw new FormatException(file, "tensor " + PREFIX + name + " is missing: these residuals belong to another model");
                }
                view.requireShape(weight.shape());
                all.put(weight, Tensor.zeros(DType.F32, weight.shape()).write_(memory -> HalfFloats.toF32(view.type(), view.data(), memory)).keep());
            });
        }
        return all;
    }

    /** Keeps those of a checkpoint for the next sums. */
    void load(Path checkpoint, Map<String, Tensor> trained) {
        waiting.putAll(read(checkpoint, trained));
    }

    /** Pays all that is owed at once, to gradients that are summed. */
    void addTo(Collection<Tensor> weights) {
        if (waiting.isEmpty()) {
            return;
        }
        try (var off = NoGrad.open()) {
            for (Tensor weight : weights) {
                Tensor residual = waiting.remove(weight);
                if (residual != null && weight.grad() != null) {
                    weight.grad().add_(residual);
                    residual.close();
                } else if (residual != null) {
                    weight.setGrad(residual);
                }
            }
        }
    }
}
