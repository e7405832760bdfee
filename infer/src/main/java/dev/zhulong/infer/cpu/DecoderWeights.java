package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.gguf.DirectoryWeights;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.formats.gguf.GgufTensor;
import dev.zhulong.formats.gguf.GgufWeight;
import dev.zhulong.kernels.Quantiser;
import dev.zhulong.kernels.WeightRows;
import dev.zhulong.kernels.WeightType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Where a decoder's weights come from, by Hugging Face's names; matrices output by input, whatever the file has. */
sealed interface DecoderWeights {
    DecoderSpec spec();

    /** @param scratch where a matrix goes that has to be made; the others stay where they lie */
    StoredMatrix matrix(String name, Arena scratch);

    /** The same matrix cut off after so many rows, without making the others. */
    StoredMatrix firstRows(String name, int rows, Arena scratch);

    float[] vector(String name);

    private static Optional<WeightType> type(String name) {
        return Arrays.stream(WeightType.values()).filter(type -> type.name().equals(name)).findFirst();
    }

    private static String known() {
        return Arrays.stream(WeightType.values()).map(WeightType::name).collect(Collectors.joining(", "));
    }

    /** Of a GGUF file. */
    record OfGguf(GgufModel model) implements DecoderWeights {
        @Override
        public DecoderSpec spec() {
            return model.spec();
        }

        @Override
        public StoredMatrix matrix(String name, Arena scratch) {
            GgufTensor tensor = model.tensor(name, scratch);
            return new StoredMatrix(type(tensor), tensor.data(), Math.toIntExact(tensor.shape()[0]), Math.toIntExact(tensor.shape()[1]));
        }

        @Override
        public StoredMatrix firstRows(String name, int rows, Arena scratch) {
            return matrix(name, scratch).first(rows);
        }

        @Override
        public float[] vector(String name) {
            try (Arena scratch = Arena.ofConfined()) {
                GgufTensor tensor = model.tensor(name, scratch);
                float[] values = new float[Math.toIntExact(tensor.elements())];
                WeightRows.decode(type(tensor), tensor.data(), 0, values.length, values);
                return values;
            }
        }

        private static WeightType type(GgufTensor tensor) {
            return DecoderWeights.type(tensor.type().name()).orElseThrow(() -> new FormatException(tensor.file(), "tensor " + tensor.name() + " is "
                    + tensor.type() + ", which has no kernel; there are " + DecoderWeights.known() + ": quantize the model again to one of these"));
        }
    }

    /**
     * Of a directory, in plain elements or quantised by {@code zhulong quantize}.
     *
     * @param weights by their names, all of them and of the right shapes
     * @param type    what matrices are quantised to; empty for as they are stored
     * @param blocks  types of the tensors that are blocks already
     */
    record OfDirectory(ModelDirectory model, Map<String, TensorView> weights, Optional<WeightType> type, Map<String, WeightType> blocks)
            implements DecoderWeights {
        OfDirectory(ModelDirectory model, Optional<WeightType> type) {
            this(model, type, blocks(model));
            if (type.isPresent() && !blocks.isEmpty()) {
                throw new IllegalArgumentException(model.path() + " is quantised already: load it as it is, or quantise the model it was made from");
            }
        }

        private OfDirectory(ModelDirectory model, Optional<WeightType> type, Map<String, WeightType> blocks) {
            this(model, checked(model, blocks), type, blocks);
        }

        private static Map<String, TensorView> checked(ModelDirectory model, Map<String, WeightType> blocks) {
            Map<String, Long> bytes = new HashMap<>();
            for (GgufWeight weight : GgufWeight.of(model.spec())) {
                WeightType type = blocks.get(weight.huggingFace());
                if (type != null) {
                    bytes.put(weight.huggingFace(), type.rowBytes(Math.toIntExact(weight.shape()[1])));
                }
            }
            return DirectoryWeights.of(model, bytes);
        }

        private static Map<String, WeightType> blocks(ModelDirectory model) {
            Map<String, WeightType> blocks = new HashMap<>();
            model.quantization().ifPresent(config -> config.weights().forEach((name, type) -> blocks.put(name, DecoderWeights.type(type)
                    .orElseThrow(() -> new FormatException(model.path().resolve(ModelDirectory.CONFIG), "tensor " + name + " is " + FormatException.quote(type)
                            + ", which has no kernel; there are " + DecoderWeights.known() + ": quantize the model again to one of these")))));
            return blocks;
        }

        @Override
        public DecoderSpec spec() {
            return model.spec();
        }

        @Override
        public StoredMatrix matrix(String name, Arena scratch) {
            return fitted(plain(name, scratch), scratch);
        }

        @Override
        public StoredMatrix firstRows(String name, int rows, Arena scratch) {
            return fitted(plain(name, scratch).first(rows), scratch);
        }

        private StoredMatrix plain(String name, Arena scratch) {
            TensorView tensor = weights.get(name);
            if (blocks.containsKey(name)) {
                GgufWeight weight = weight(name);
                return new StoredMatrix(blocks.get(name), tensor.data(), Math.toIntExact(weight.shape()[0]), Math.toIntExact(weight.shape()[1]));
            }
            long[] shape = tensor.shape();
            boolean transposed = name.startsWith("transformer.h.");
            int rows = Math.toIntExact(shape[transposed ? 1 : 0]);
            int columns = Math.toIntExact(shape[transposed ? 0 : 1]);
            return isPlain(tensor, transposed) ? new StoredMatrix(WeightType.valueOf(tensor.type().name()), tensor.data(), rows, columns)
                    : new StoredMatrix(WeightType.F32, floats(name, tensor, scratch), rows, columns);
        }

        /** In the type asked for. */
        private StoredMatrix fitted(StoredMatrix stored, Arena scratch) {
            return type.map(to -> quantised(stored, columnsFit(to, stored.columns()), scratch)).orElse(stored);
        }

        /** Whether kernels take the matrix as it lies in the file. */
        private static boolean isPlain(TensorView tensor, boolean transposed) {
            return !transposed && switch (tensor.type()) {
                case F32, F16, BF16 -> true;
                default -> false;
            };
        }

        /** What {@link #matrix} will give for a matrix. */
        WeightType typeOf(GgufWeight matrix) {
            TensorView tensor = weights.get(matrix.huggingFace());
            if (blocks.containsKey(matrix.huggingFace())) {
                return blocks.get(matrix.huggingFace());
            }
            WeightType stored = isPlain(tensor, matrix.layout() == GgufWeight.Layout.TRANSPOSED) ? WeightType.valueOf(tensor.type().name()) : WeightType.F32;
            int columns = Math.toIntExact(matrix.shape()[matrix.shape().length - 1]);
            return type.map(to -> columnsFit(to, columns)).filter(to -> columns % to.blockElements() == 0).orElse(stored);
        }

        private GgufWeight weight(String name) {
            return GgufWeight.of(spec()).stream().filter(w -> w.huggingFace().equals(name)).findFirst().orElseThrow();
        }

        private MemorySegment floats(String name, TensorView tensor, Arena scratch) {
            GgufWeight weight = weight(name);
            return weight.layout() == GgufWeight.Layout.TRANSPOSED ? weight.fromHuggingFace(tensor)
                    : scratch.allocateFrom(ValueLayout.JAVA_FLOAT, tensor.toFloats());
        }

        /** A row that blocks do not divide takes the next type whose blocks do. */
        private static WeightType columnsFit(WeightType type, int columns) {
            return switch (type) {
                case INT4, INT4_ASYM -> WeightType.int4(columns, type == WeightType.INT4);
                default -> type;
            };
        }

        private static StoredMatrix quantised(StoredMatrix from, WeightType type, Arena scratch) {
            if (from.columns() % type.blockElements() != 0) {
                return from;
            }
            int bytes = Math.toIntExact(type.rowBytes(from.columns()));
            MemorySegment to = scratch.allocate((long) from.rows() * bytes, 64);
            IntStream.range(0, from.rows()).parallel().forEach(row -> {
                float[] values = new float[from.columns()];
                WeightRows.decode(from.type(), from.data(), row, from.columns(), values);
                byte[] blocks = new byte[bytes];
                Quantiser.quantise(type, values, 0, from.columns(), Quantiser.Search.SCALES, blocks);
                MemorySegment.copy(blocks, 0, to, ValueLayout.JAVA_BYTE, (long) row * bytes, bytes);
            });
            return new StoredMatrix(type, to, from.rows(), from.columns());
        }

        @Override
        public float[] vector(String name) {
            return weights.get(name).toFloats();
        }
    }
}
