package dev.zhulong.formats;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * A low-rank adapter's two files, opened: what they hold for each weight of a network. What is asked for is taken, so that what is left over at the end has no
 * place in the network.
 *
 * <pre>{@code
 * try (LoraFile file = LoraFile.open(directory)) {
 *     for (Parameter p : Parameters.of(spec)) {
 *         file.take(p).ifPresent(part -> ...);
 *     }
 *     file.requireEmpty();
 * }
 * }</pre>
 */
public final class LoraFile implements AutoCloseable {
    private static final String PREFIX = "base_model.model.";
    /** Where older files have the weights of modules that are saved whole. */
    private static final String WRAPPED = "\\.modules_to_save(\\.default)?\\.";

    private final LoraConfig config;
    private final SafetensorsFile file;
    private final Map<String, TensorView> left;
    private int parts;

    /**
     * What is added to one projection.
     *
     * @param a         [rank, in]
     * @param b         [out, rank]
     * @param magnitude [out]; empty without DoRA
     * @param scale     of the product
     */
    public record Part(TensorView a, TensorView b, Optional<TensorView> magnitude, int rank, double scale) {}

    private LoraFile(LoraConfig config, SafetensorsFile file) {
        this.config = config;
        this.file = file;
        this.left = new LinkedHashMap<>(file.tensors());
    }

    /**
     * Opens an adapter of Zhulong's or PEFT's making.
     *
     * @throws FormatException if a file is missing or wrong; says what to do
     */
    public static LoraFile open(Path directory) {
        LoraConfig config = LoraConfig.read(directory);
        return new LoraFile(config, SafetensorsFile.open(LoraConfig.weights(directory)));
    }

    public LoraConfig config() {
        return config;
    }

    /** The file of the weights. */
    public Path path() {
        return file.path();
    }

    /** Where PEFT's files have the weights of a module's adapter, without their ends; in front of a weight's name, that weight. */
    public static String name(String module) {
        return PREFIX + module;
    }

    /**
     * What a matrix is adapted by; empty where it is not.
     *
     * @throws FormatException if a tensor of it is missing or misshapen; names it
     */
    public Optional<Part> take(Parameter matrix) {
        String module = matrix.module();
        TensorView a = left.remove(PREFIX + module + ".lora_A.weight");
        TensorView b = left.remove(PREFIX + module + ".lora_B.weight");
        TensorView m = left.remove(PREFIX + module + ".lora_magnitude_vector");
        TensorView older = left.remove(PREFIX + module + ".lora_magnitude_vector.weight");
        m = m == null ? older : m;
        if (a == null && b == null && m == null) {
            return Optional.empty();
        }
        if (a == null || b == null || (m == null) == config.dora()) {
            throw new FormatException(path(), "the adapter of " + module + " is incomplete: expected lora_A, lora_B"
                    + (config.dora() ? " and lora_magnitude_vector (use_dora is true)" : " and nothing else (use_dora is false)"));
        }
        int rank = config.rank(module);
        floats(a, rank, matrix.inputs());
        floats(b, matrix.outputs(), rank);
        if (m != null) {
            floats(m, matrix.outputs());
        }
        parts++;
        return Optional.of(new Part(a, b, Optional.ofNullable(m), rank, config.scale(module)));
    }

    /**
     * A weight that the file holds whole; empty where it does not.
     *
     * @throws FormatException if it is misshapen
     */
    public Optional<TensorView> takeWhole(Parameter weight) {
        Optional<String> stored = whole(weight);
        return stored.map(name -> floats(left.remove(name), weight.shape()));
    }

    /** Rows of a matrix that the file holds whole; empty where it does not. */
    OptionalInt outputs(Parameter matrix) {
        Optional<String> stored = whole(matrix);
        return stored.isPresent() ? OptionalInt.of(Math.toIntExact(left.get(stored.get()).shape()[0])) : OptionalInt.empty();
    }

    private Optional<String> whole(Parameter weight) {
        return left.keySet().stream().filter(name -> name.replaceFirst(WRAPPED, ".").equals(PREFIX + weight.name())).findFirst();
    }

    private static TensorView floats(TensorView view, long... shape) {
        view.requireShape(shape);
        if (!view.type().isFloat()) {
            throw new FormatException(view.file(), "tensor " + view.name() + " has type " + view.type() + ", expected a float type");
        }
        return view;
    }

    /** Names of the tensors that nobody has taken. */
    public List<String> left() {
        return List.copyOf(left.keySet());
    }

    /**
     * Refuses an adapter of another model.
     *
     * @throws FormatException naming a tensor that nobody has taken; or if there was none to take
     */
    public void requireEmpty() {
        if (!left.isEmpty()) {
            throw new FormatException(path(), "tensor " + left.keySet().iterator().next() + " has no place in this model (" + left.size()
                    + " such): the adapter was made for another one, or adapts something other than projections inside blocks");
        }
        if (parts == 0) {
            throw new FormatException(path(), "holds no tensors: an adapter that changes nothing");
        }
    }

    @Override
    public void close() {
        file.close();
    }
}
