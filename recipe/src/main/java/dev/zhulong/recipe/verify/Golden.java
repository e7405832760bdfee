package dev.zhulong.recipe.verify;

import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.TensorView;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Reference inputs and outputs: {@code golden.safetensors}, and beside it {@code golden.json} with the numbers {@code loss}, {@code aux_loss},
 * {@code gradient_norm} and {@code gradient_norms} by weight. Any of the outputs may be missing.
 */
final class Golden implements AutoCloseable {
    static final String TENSORS = "golden.safetensors";
    static final String IDS = "input_ids";
    static final String MASK = "attention_mask";
    private static final String NORM = "gradient_norm";

    private final SafetensorsFile file;
    private final Map<String, Double> numbers;

    private Golden(SafetensorsFile file, Map<String, Double> numbers) {
        this.file = file;
        this.numbers = numbers;
    }

    /**
     * Opens a reference.
     *
     * @throws FormatException when it is missing, or holds no inputs
     */
    static Golden open(Path tensors) {
        if (!Files.isRegularFile(tensors)) {
            throw new FormatException(tensors, "no such file: a reference holds input_ids, and what the model is to make of them; name one with --golden");
        }
        SafetensorsFile file = SafetensorsFile.open(tensors);
        try {
            var golden = new Golden(file, numbers(tensors.resolveSibling(tensors.getFileName().toString().replaceFirst("\\.safetensors$", "") + ".json")));
            long[] shape = golden.find(IDS).orElseThrow(() -> new FormatException(tensors, "expected a tensor " + IDS + " [batch, tokens], found none")).shape();
            if (shape.length != 2 || shape[0] < 1 || shape[1] < 1) {
                throw new FormatException(tensors, "tensor " + IDS + ": expected [batch, tokens], found " + Arrays.toString(shape));
            }
            return golden;
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
    }

    private static Map<String, Double> numbers(Path json) {
        Map<String, Double> numbers = new LinkedHashMap<>();
        if (Files.isRegularFile(json)) {
            JsonFields fields = JsonFields.read(json);
            for (String name : new String[] {"loss", "aux_loss", NORM}) {
                if (fields.isSet(name)) {
                    numbers.put(name, fields.number(name));
                }
            }
            fields.object("gradient_norms").ifPresent(norms -> norms.object().fieldNames()
                    .forEachRemaining(name -> numbers.put(NORM + "." + name, norms.number(name))));
        }
        return numbers;
    }

    Path path() {
        return file.path();
    }

    Optional<TensorView> find(String name) {
        return Optional.ofNullable(file.tensors().get(name));
    }

    /** A number of golden.json, where it is there. */
    Optional<Double> number(String name) {
        return Optional.ofNullable(numbers.get(name));
    }

    int batch() {
        return (int) find(IDS).orElseThrow().shape()[0];
    }

    int seq() {
        return (int) find(IDS).orElseThrow().shape()[1];
    }

    /** Whole numbers of an input, where it is there. */
    Optional<int[]> ints(String name) {
        return find(name).map(view -> {
            if (view.type() != StorageType.I64) {
                throw new FormatException(view.file(), "tensor " + name + ": expected I64, found " + view.type());
            }
            int[] ints = new int[Math.toIntExact(view.elements())];
            Arrays.setAll(ints, i -> Math.toIntExact(view.data().getAtIndex(ValueLayout.JAVA_LONG_UNALIGNED, i)));
            return ints;
        });
    }

    @Override
    public void close() {
        file.close();
    }
}
