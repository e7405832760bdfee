package dev.zhulong.compress;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.HalfFloats;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.Parameter;
import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.Parameters;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.TensorView;
import dev.zhulong.formats.gguf.DirectoryWeights;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.formats.gguf.GgufTensor;
import dev.zhulong.formats.gguf.GgufWeight;
import dev.zhulong.kernels.WeightRows;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The weights of a decoder in a directory or a GGUF file, read one at a time as F32: no more of them than are used together are ever in memory. */
final class StoredDecoder implements AutoCloseable {
    private final DecoderSpec spec;
    private final AutoCloseable files;
    /** One of the two is null. */
    private final Map<String, TensorView> views;
    private final GgufModel gguf;
    private final Map<String, GgufWeight> places = new HashMap<>();

    private StoredDecoder(DecoderSpec spec, AutoCloseable files, Map<String, TensorView> views, GgufModel gguf) {
        this.spec = spec;
        this.files = files;
        this.views = views;
        this.gguf = gguf;
        GgufWeight.ofNetwork(spec).forEach(weight -> places.put(weight.huggingFace(), weight));
    }

    /**
     * @throws dev.zhulong.formats.FormatException when it is no model, or no decoder
     */
    static StoredDecoder open(Path model) {
        if (Files.isDirectory(model)) {
            ModelDirectory directory = ModelDirectory.open(model);
            try {
                return new StoredDecoder(directory.spec(), directory, DirectoryWeights.of(directory.plain(), Map.of()), null);
            } catch (RuntimeException | Error e) {
                directory.close();
                throw e;
            }
        }
        GgufModel gguf = GgufModel.open(model);
        try {
            return new StoredDecoder(gguf.spec(), gguf, null, gguf);
        } catch (RuntimeException | Error e) {
            gguf.close();
            throw e;
        }
    }

    DecoderSpec spec() {
        return spec;
    }

    /** The matrices inside the layers. */
    List<Parameter> projections() {
        return Parameters.of(spec).all().stream().filter(Parameter::isProjection).toList();
    }

    /** What a weight is in GGUF. */
    GgufWeight place(Parameter parameter) {
        return places.get(parameter.name());
    }

    /** The tensor's name in GGUF, or where GGUF has no place for it, in Hugging Face's files. */
    String name(Parameter parameter) {
        String name = place(parameter).gguf();
        return name == null ? parameter.name() : name;
    }

    /** Matrices of the tensor that GGUF keeps a weight in: the experts of its layer, or 1. */
    int stacked(Parameter parameter) {
        return parameter.expert() >= 0 && spec.layer(parameter.layer()).mlp() instanceof Mlp.Experts experts ? experts.count() : 1;
    }

    /** F32 of {@link Parameter#shape()}, kept out of scopes. */
    Tensor read(Parameter parameter) {
        Tensor tensor = Tensor.empty(DType.F32, parameter.shape()).keep();
        if (gguf != null) {
            try (Arena scratch = Arena.ofShared()) {
                GgufTensor stored = gguf.tensor(parameter.name(), scratch);
                tensor.write_(memory -> fill(stored, parameter.layout() == Layout.TRANSPOSED, memory));
            }
        } else if (views.get(parameter.name()) == null) {
            tensor.zero_();
        } else {
            TensorView view = views.get(parameter.name());
            tensor.write_(memory -> HalfFloats.toF32(view.type(), view.data(), memory));
        }
        return tensor;
    }

    private static void fill(GgufTensor stored, boolean transposed, MemorySegment memory) {
        WeightType type = WeightType.valueOf(stored.type().name());
        long[] shape = stored.shape();
        int columns = Math.toIntExact(shape[shape.length - 1]);
        long rows = stored.elements() / columns;
        float[] row = new float[columns];
        for (long r = 0; r < rows; r++) {
            WeightRows.decode(type, stored.data(), r, columns, row);
            if (!transposed) {
                MemorySegment.copy(row, 0, memory, ValueLayout.JAVA_FLOAT, r * columns * Float.BYTES, columns);
                continue;
            }
            for (int c = 0; c < columns; c++) {
                memory.setAtIndex(ValueLayout.JAVA_FLOAT, c * rows + r, row[c]);
            }
        }
    }

    @Override
    public void close() {
        try {
            files.close();
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
