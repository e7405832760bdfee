package dev.zhulong.train;

import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.TensorView;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;

/** Moves weights by their gradients. What it remembers between updates is part of a checkpoint: read back, it goes on in the same bits. */
public interface Optimizer extends AutoCloseable {
    /** What a checkpoint's moments lie in. */
    String FILE = "optimizer.safetensors";

    /**
     * One update. Weights without a gradient stay as they are.
     *
     * @param updates   number of this update, from 1
     * @param lr        learning rate
     * @param gradScale F32 scalar that the gradients are divided by
     */
    void step(long updates, double lr, Tensor gradScale);

    /** Writes what it remembers into a checkpoint's directory. */
    void save(Path directory);

    /**
     * Reads what {@link #save} wrote.
     *
     * @throws dev.zhulong.formats.FormatException if that belongs to other weights; names the first that does not fit
     */
    void load(Path directory);

    /** Bytes of what it remembers, as it holds them. */
    long bytes();

    @Override
    void close();

    /**
     * Reads {@link #FILE}, a tensor after another, in the order of {@code shapes}.
     *
     * @param shapes of all tensors that it must hold, and no others, by name
     * @throws FormatException if it holds others; names the first that does not fit
     */
    static void read(Path directory, Map<String, long[]> shapes, BiConsumer<String, TensorView> into) {
        Path file = directory.resolve(FILE);
        try (SafetensorsFile stored = SafetensorsFile.open(file)) {
            stored.tensors().keySet().stream().filter(name -> !shapes.containsKey(name)).findFirst().ifPresent(name -> {
                throw new FormatException(file, "tensor " + name + " has no place here: these moments belong to another model");
            });
            shapes.forEach((name, shape) -> {
                TensorView view = stored.tensors().get(name);
                if (view == null) {
                    throw new FormatException(file, "tensor " + name + " is missing: these moments belong to another model");
                }
                view.requireShape(shape);
                into.accept(name, view);
            });
        }
    }

    /** The choice of an optimizer and its settings. */
    interface Maker {
        /** What it remembers of each weight, in as many tensors of the weight's shape: what stands before the weight's name in {@link #FILE}. */
        List<String> moments();

        /**
         * One that remembers what lies in {@code moments}, or, where these are zero, nothing yet.
         *
         * @param parameters what is trained, by name; stays the caller's
         * @param decayed    names that weight decay applies to
         * @param moments    F32, for each of {@link #moments()} those of all parameters by name; the optimizer's from now on
         */
        Optimizer over(Map<String, Tensor> parameters, List<String> decayed, List<Map<String, Tensor>> moments);

        /**
         * A fresh one, whose memory lies on the device whose scope is open: that of the parameters.
         *
         * @param parameters what is trained, by name; stays the caller's
         * @param decayed    names that weight decay applies to
         */
        default Optimizer of(Map<String, Tensor> parameters, List<String> decayed) {
            return over(parameters, decayed, nothingYet(parameters));
        }

        /** What one remembers before its first update. */
        default List<Map<String, Tensor>> nothingYet(Map<String, Tensor> parameters) {
            List<Map<String, Tensor>> all = new ArrayList<>();
            for (int i = 0; i < moments().size(); i++) {
                Map<String, Tensor> zero = new LinkedHashMap<>();
                parameters.forEach((name, p) -> zero.put(name, Tensor.zeros(DType.F32, p.shape()).keep()));
                all.add(zero);
            }
            return all;
        }
    }
}
