package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.HalfFloats;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.NetworkSpec;
import dev.zhulong.formats.Parameter.Layout;
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
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Where a network's weights come from, by Hugging Face's names; matrices output by input, whatever the file has. */
sealed interface DecoderWeights {
    NetworkSpec network();

    /** The same, of a decoder; of an encoder–decoder that of its decoder alone. */
    DecoderSpec spec();

    /** @param scratch where a matrix goes that has to be made; the others stay where they lie */
    StoredMatrix matrix(String name, Arena scratch);

    /** The same matrix cut off after so many rows, without making the others. */
    StoredMatrix firstRows(String name, int rows, Arena scratch);

    float[] vector(String name);

    /** Whether there is a weight of this name: a constant that is added to the logits may be left out. */
    boolean holds(String name);

    /** What makes keys, turned over, and what makes values, the heads of each below one another: of a way up that files hold so. Null for one matrix. */
    default StoredMatrix[] cut(String name) {
        return null;
    }

    /** The error for a weight whose numbers cannot be taken, with its file and its name there. */
    FormatException refused(String name, IllegalArgumentException why);

    /** As {@link #refused}; work that was shared among threads puts what was thrown there into another of its kind. */
    private static FormatException refused(Path file, String tensor, IllegalArgumentException why) {
        Throwable first = why.getCause() instanceof IllegalArgumentException cause ? cause : why;
        return new FormatException(file, "tensor " + tensor + ": " + first.getMessage(), why);
    }

    private static Optional<WeightType> type(String name) {
        return Arrays.stream(WeightType.values()).filter(type -> type.name().equals(name)).findFirst();
    }

    private static String known() {
        return Arrays.stream(WeightType.values()).map(WeightType::name).collect(Collectors.joining(", "));
    }

    /** Of a GGUF file. */
    record OfGguf(GgufModel model) implements DecoderWeights {
        @Override
        public NetworkSpec network() {
            return model.network();
        }

        @Override
        public DecoderSpec spec() {
            return model.network() instanceof EncoderDecoderSpec both ? both.decoderAlone() : model.spec();
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

        @Override
        public boolean holds(String name) {
            return model.weights().containsKey(name);
        }

        @Override
        public StoredMatrix[] cut(String name) {
            return model.cut(model.weights().get(name)).map(cut -> new StoredMatrix[] {below(cut.keys()), below(cut.values())}).orElse(null);
        }

        private static StoredMatrix below(GgufTensor heads) {
            long[] shape = heads.shape();
            return new StoredMatrix(type(heads), heads.data(), Math.toIntExact(shape[0] * shape[1]), Math.toIntExact(shape[2]));
        }

        @Override
        public FormatException refused(String name, IllegalArgumentException why) {
            return DecoderWeights.refused(model.file().path(), model.weights().get(name).gguf(), why);
        }

        private static WeightType type(GgufTensor tensor) {
            return DecoderWeights.type(tensor.type().name()).orElseThrow(() -> new FormatException(tensor.file(), "tensor " + tensor.name() + " is "
                    + tensor.type() + ", which has no kernel; supported are " + DecoderWeights.known() + ": quantize the model again to one of these"));
        }
    }

    /**
     * Of a directory, in plain elements or quantised by {@code zhulong quantize}.
     *
     * @param weights by their names, all of them and of the right shapes, with where they lie
     * @param type    what matrices are quantised to; empty for as they are stored
     * @param blocks  types of the tensors that are blocks already
     */
    record OfDirectory(ModelDirectory model, Map<String, Placed> weights, Optional<WeightType> type, Map<String, WeightType> blocks)
            implements DecoderWeights {
        /** A weight and its tensor. */
        private record Placed(GgufWeight weight, TensorView tensor) {}

        OfDirectory(ModelDirectory model, Optional<WeightType> type) {
            this(model, type, blocks(model));
            if (type.isPresent() && !blocks.isEmpty()) {
                throw new IllegalArgumentException(model.path() + " is quantised already: load it as it is, or quantise the model it was made from");
            }
        }

        private OfDirectory(ModelDirectory model, Optional<WeightType> type, Map<String, WeightType> blocks) {
            this(model, checked(model, blocks), type, blocks);
        }

        private static Map<String, Placed> checked(ModelDirectory model, Map<String, WeightType> blocks) {
            Map<String, Long> bytes = new HashMap<>();
            List<GgufWeight> expected = GgufWeight.ofNetwork(model.network());
            for (GgufWeight weight : expected) {
                WeightType type = blocks.get(weight.huggingFace());
                if (type != null) {
                    bytes.put(weight.huggingFace(), type.rowBytes(Math.toIntExact(weight.shape()[1])));
                }
            }
            Map<String, TensorView> stored = DirectoryWeights.of(model, bytes);
            Map<String, Placed> weights = new HashMap<>();
            expected.stream().filter(weight -> stored.containsKey(weight.huggingFace()))
                    .forEach(weight -> weights.put(weight.huggingFace(), new Placed(weight, stored.get(weight.huggingFace()))));
            return weights;
        }

        private static Map<String, WeightType> blocks(ModelDirectory model) {
            Map<String, WeightType> blocks = new HashMap<>();
            model.quantization().ifPresent(config -> config.weights().forEach((name, type) -> blocks.put(name, DecoderWeights.type(type)
                    .orElseThrow(() -> new FormatException(model.path().resolve(ModelDirectory.CONFIG), "tensor " + name + " is " + FormatException.quote(type)
                            + ", which has no kernel; supported are " + DecoderWeights.known() + ": quantize the model again to one of these")))));
            return blocks;
        }

        @Override
        public NetworkSpec network() {
            return model.network();
        }

        @Override
        public DecoderSpec spec() {
            return model.network() instanceof EncoderDecoderSpec both ? both.decoderAlone() : model.spec();
        }

        @Override
        public StoredMatrix matrix(String name, Arena scratch) {
            return fitted(name, plain(name, scratch), scratch);
        }

        @Override
        public StoredMatrix firstRows(String name, int rows, Arena scratch) {
            return fitted(name, plain(name, scratch).first(rows), scratch);
        }

        private StoredMatrix plain(String name, Arena scratch) {
            GgufWeight weight = weights.get(name).weight;
            TensorView tensor = weights.get(name).tensor;
            int rows = Math.toIntExact(weight.shape()[0]);
            int columns = Math.toIntExact(weight.shape()[1]);
            return blocks.containsKey(name) ? new StoredMatrix(blocks.get(name), tensor.data(), rows, columns)
                    : isPlain(weight, tensor) ? new StoredMatrix(WeightType.valueOf(tensor.type().name()), tensor.data(), rows, columns)
                    : new StoredMatrix(WeightType.F32, floats(weight, tensor, scratch), rows, columns);
        }

        /** In the type asked for, but for what quantisers leave as it is. */
        private StoredMatrix fitted(String name, StoredMatrix stored, Arena scratch) {
            return type.filter(to -> !weights.get(name).weight.parameter().role().isKeptWhole()).map(to -> quantised(stored, columnsFit(to, stored.columns()), scratch)).orElse(stored);
        }

        /** Whether kernels take the matrix as it lies in the file. */
        private static boolean isPlain(GgufWeight weight, TensorView tensor) {
            return weight.layout() != Layout.TRANSPOSED && switch (tensor.type()) {
                case F32, F16, BF16 -> true;
                default -> false;
            };
        }

        /** What {@link #matrix} will give for a matrix. */
        WeightType typeOf(GgufWeight matrix) {
            TensorView tensor = weights.get(matrix.huggingFace()).tensor;
            if (blocks.containsKey(matrix.huggingFace())) {
                return blocks.get(matrix.huggingFace());
            }
            WeightType stored = isPlain(matrix, tensor) ? WeightType.valueOf(tensor.type().name()) : WeightType.F32;
            int columns = Math.toIntExact(matrix.shape()[matrix.shape().length - 1]);
            return type.filter(to -> !matrix.parameter().role().isKeptWhole()).map(to -> columnsFit(to, columns)).filter(to -> columns % to.blockElements() == 0).orElse(stored);
        }

        /** Outputs by inputs. */
        private static MemorySegment floats(GgufWeight weight, TensorView tensor, Arena scratch) {
            if (weight.layout() == Layout.TRANSPOSED) {
                return weight.fromHuggingFace(tensor, scratch);
            }
            MemorySegment floats = scratch.allocate(tensor.elements() * Float.BYTES, 64);
            HalfFloats.toF32(tensor.type(), tensor.data(), floats);
            return floats;
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
                try {
                    Quantiser.quantise(type, values, 0, from.columns(), Quantiser.Search.SCALES, blocks);
                } catch (IllegalArgumentException e) {
                    throw new IllegalArgumentException("row " + row + ": " + e.getMessage());
                }
                MemorySegment.copy(blocks, 0, to, ValueLayout.JAVA_BYTE, (long) row * bytes, bytes);
            });
            return new StoredMatrix(type, to, from.rows(), from.columns());
        }

        @Override
        public float[] vector(String name) {
            return weights.get(name).tensor.toFloats();
        }

        @Override
        public boolean holds(String name) {
            return weights.containsKey(name);
        }

        @Override
        public FormatException refused(String name, IllegalArgumentException why) {
            return DecoderWeights.refused(weights.get(name).tensor.file(), weights.get(name).tensor.name(), why);
        }
    }
}
