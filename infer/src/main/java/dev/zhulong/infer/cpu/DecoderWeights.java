package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.TensorView;
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
                    + tensor.type() + ", which has no kernel; there are " + DecoderWeights.known() + ": quantise the model anew to one of these"));
        }
    }

    /**
     * Of a directory, in plain elements or quantised by {@code zhulong quantize}.
     *
     * @param type   what matrices are quantised to; empty for as they are stored
     * @param blocks types of the tensors that are blocks already
     */
    record OfDirectory(ModelDirectory model, Optional<WeightType> type, Map<String, WeightType> blocks) implements DecoderWeights {
        OfDirectory(ModelDirectory model, Optional<WeightType> type) {
            this(model, type, blocks(model));
            if (type.isPresent() && !blocks.isEmpty()) {
                throw new IllegalArgumentException(model.path() + " is quantised already: load it as it is, or quantise the model it was made from");
            }
        }

        private static Map<String, WeightType> blocks(ModelDirectory model) {
            Map<String, WeightType> blocks = new HashMap<>();
            model.quantization().ifPresent(config -> config.weights().forEach((name, type) -> blocks.put(name, DecoderWeights.type(type)
                    .orElseThrow(() -> new FormatException(model.path().resolve(ModelDirectory.CONFIG), "tensor " + name + " is " + FormatException.quote(type)
                            + ", which has no kernel; there are " + DecoderWeights.known() + ": quantise the model anew to one of these")))));
            return blocks;
        }

        @Override
        public DecoderSpec spec() {
            return model.spec();
        }

        @Override
        public StoredMatrix matrix(String name, Arena scratch) {
            TensorView tensor = model.tensor(name);
            if (blocks.containsKey(name)) {
                return blocks(name, tensor);
            }
            long[] shape = tensor.shape();
            boolean transposed = name.startsWith("transformer.h.");
            int rows = Math.toIntExact(shape[transposed ? 1 : 0]);
            int columns = Math.toIntExact(shape[transposed ? 0 : 1]);
            boolean plain = !transposed && switch (tensor.type()) {
                case F32, F16, BF16 -> true;
                default -> false;
            };
            StoredMatrix stored = plain ? new StoredMatrix(WeightType.valueOf(tensor.type().name()), tensor.data(), rows, columns)
                    : new StoredMatrix(WeightType.F32, floats(name, tensor, scratch), rows, columns);
            return type.map(to -> quantised(stored, columnsFit(to, columns), scratch)).orElse(stored);
        }

        private StoredMatrix blocks(String name, TensorView tensor) {
            GgufWeight weight = weight(name);
            int rows = Math.toIntExact(weight.shape()[0]);
            int columns = Math.toIntExact(weight.shape()[1]);
            WeightType type = blocks.get(name);
            if (tensor.type() != StorageType.U8 || columns % type.blockElements() != 0) {
                throw new FormatException(tensor.file(), "tensor " + name + ": expected U8 blocks of " + type + " for rows of " + columns + ", found "
                        + tensor.type());
            }
            tensor.requireShape(rows, type.rowBytes(columns));
            return new StoredMatrix(type, tensor.data(), rows, columns);
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
            return model.tensor(name).toFloats();
        }
    }
}
