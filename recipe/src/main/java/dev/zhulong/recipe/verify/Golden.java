package dev.zhulong.recipe.verify;

import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.SafetensorsFile;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.TensorView;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Reference inputs and outputs: {@code golden.safetensors}, and beside it {@code golden.json} with the numbers {@code loss}, {@code aux_loss},
 * {@code gradient_norm} and {@code gradient_norms} by weight. Any of the outputs may be missing.
 */
final class Golden implements AutoCloseable {
    static final String TENSORS = "golden.safetensors";
    static final String IDS = "input_ids";
    static final String PIXELS = "pixel_values";
    static final String MASK = "attention_mask";
    /** Spectrograms [batch, bands, frames]: what is given to a model that hears. */
    static final String SOUND = "input_features";
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
            throw new FormatException(tensors, "no such file: a reference holds input_ids or pixel_values, and what the model is to make of them; name one with --golden");
        }
        SafetensorsFile file = SafetensorsFile.open(tensors);
        try {
            var golden = new Golden(file, numbers(tensors.resolveSibling(tensors.getFileName().toString().replaceFirst("\\.safetensors$", "") + ".json")));
            if (golden.find(SOUND).isPresent() || golden.find(IDS).isEmpty() && golden.find(PIXELS).isPresent()) {
                return golden;
            }
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

    /** Values of an input of fractions. @throws FormatException where it is not there, or has another shape */
    float[] floats(String name, long... shape) {
        TensorView view = find(name).orElseThrow(() -> new FormatException(path(), "expected a tensor " + name + " " + Arrays.toString(shape) + ", found none"));
        requireShape(name, shape);
        if (!view.type().isFloat()) {
            throw new FormatException(path(), "tensor " + name + ": expected fractions, found " + view.type());
        }
        return view.toFloats();
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
            long[] longs = view.toLongs();
            int[] ints = new int[longs.length];
            for (int i = 0; i < ints.length; i++) {
                ints[i] = (int) longs[i];
                if (ints[i] != longs[i]) {
                    throw new FormatException(view.file(), "tensor " + name + ": expected numbers of 32 bits, found " + longs[i]);
                }
            }
            return ints;
        });
    }

    /**
     * Whole numbers of an input, where it is there.
     *
     * @param least   the least that each may be
     * @param most    the most that each may be
     * @param ignored which may stand in place of any; {@code least} for none
     * @param shape   expected
     */
    Optional<int[]> ints(String name, int least, int most, int ignored, long... shape) {
        Optional<int[]> found = ints(name);
        found.ifPresent(ints -> {
            requireShape(name, shape);
            for (int one : ints) {
                if ((one < least || one > most) && one != ignored) {
                    throw new FormatException(path(), "tensor " + name + ": expected numbers from " + least + " to " + most
                            + (ignored == least ? "" : ", or " + ignored) + ", found " + one);
                }
            }
        });
        return found;
    }

    /** @throws FormatException where a tensor has another shape */
    void requireShape(String name, long... shape) {
        long[] found = find(name).orElseThrow().shape();
        if (!Arrays.equals(found, shape)) {
            throw new FormatException(path(), "tensor " + name + ": expected shape " + Arrays.toString(shape) + ", found " + Arrays.toString(found));
        }
    }

    /** 1 for tokens, 0 for padding, [batch, tokens]; empty where there is none. */
    Optional<int[]> mask() {
        Optional<int[]> mask = ints(MASK, 0, 1, 0, batch(), seq());
        for (int row = 0; mask.isPresent() && row < batch(); row++) {
            if (Arrays.stream(mask.get(), row * seq(), (row + 1) * seq()).sum() == 0) {
                throw new FormatException(path(), "tensor " + MASK + ": expected a token in each row, found none in row " + row);
            }
        }
        return mask;
    }

    /** How many ids the text written from the first row's beginning has; empty where there is none. */
    OptionalInt greedy() {
        Optional<TensorView> text = find("greedy");
        if (text.isEmpty()) {
            return OptionalInt.empty();
        }
        long[] shape = text.get().shape();
        long length = text.get().elements();
        if (shape.length == 0 || length == 0 || length > Integer.MAX_VALUE || shape[shape.length - 1] != length) {
            throw new FormatException(path(), "tensor greedy: expected [1, tokens], found " + Arrays.toString(shape));
        }
        return OptionalInt.of((int) length);
    }

    @Override
    public void close() {
        file.close();
    }
}
