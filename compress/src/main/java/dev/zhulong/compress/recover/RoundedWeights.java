package dev.zhulong.compress.recover;

import dev.zhulong.formats.Parameter.Layout;
import dev.zhulong.formats.gguf.GgufModel;
import dev.zhulong.formats.gguf.GgufTensor;
import dev.zhulong.formats.gguf.GgufWeight;
import dev.zhulong.formats.gguf.GgufWriter;
import dev.zhulong.kernels.Quantiser;
import dev.zhulong.kernels.WeightType;
import dev.zhulong.model.Network;
import dev.zhulong.tensor.NoGrad;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The matrices of a quantised GGUF file, to be trained: what values their scales allow, and which of them each weight has.
 *
 * <pre>{@code
 * RoundedWeights rounded = RoundedWeights.of(Path.of("start.gguf"));
 * rounded.copyTo(network);
 * // train with new StraightThrough.Settings(adamW, rounded)
 * rounded.write(Path.of("better.gguf"));
 * }</pre>
 */
public final class RoundedWeights {
    private final Path file;
    private final Map<String, RoundedMatrix> matrices = new LinkedHashMap<>();

    private RoundedWeights(Path file) {
        this.file = file;
    }

    /**
     * Of a decoder's file.
     *
     * @throws IllegalArgumentException where a matrix is of a type whose codes cannot change under its scales, or is stored the other way round in directories
     */
    public static RoundedWeights of(Path file) {
        var rounded = new RoundedWeights(file);
        try (GgufModel model = GgufModel.open(file)) {
            Map<String, GgufTensor> tensors = model.file().tensors();
            for (GgufWeight weight : GgufWeight.of(model.spec())) {
                GgufTensor tensor = tensors.get(weight.gguf());
                if (tensor == null || !WeightType.valueOf(tensor.type().name()).quantised()) {
                    continue;
                }
                WeightType type = WeightType.valueOf(tensor.type().name());
                if (!Quantiser.supports(type) || weight.isStacked() || weight.layout() == Layout.TRANSPOSED) {
                    throw new IllegalArgumentException(file + ": " + weight.gguf() + " is " + (weight.isStacked() ? "one of experts" : weight.layout() == Layout.TRANSPOSED ? "stored the other way round"
                            : type.toString()) + ", which cannot be trained rounded");
                }
                int rows = Math.toIntExact(weight.shape()[0]);
                byte[] blocks = new byte[Math.toIntExact(tensor.data().byteSize())];
                weight.toHuggingFaceRows(tensor.data(), MemorySegment.ofArray(blocks), blocks.length / rows);
                rounded.matrices.put(weight.huggingFace(), new RoundedMatrix(type, rows, Math.toIntExact(weight.shape()[1]), blocks.clone(), blocks));
            }
        }
        return rounded;
    }

    /** By their names in Hugging Face's layout. */
    Map<String, RoundedMatrix> matrices() {
        return Collections.unmodifiableMap(matrices);
    }

    /** How far apart the values of a weight are that is trained, a mean over all. */
    double step() {
        return trained().mapToDouble(RoundedMatrix::steps).sum() / trained().mapToDouble(RoundedMatrix::count).sum();
    }

    /** Bits of a weight that is trained, a mean over all, scales included. */
    double bits() {
        return 8 * trained().mapToDouble(matrix -> matrix.blocks().length).sum() / trained().mapToDouble(RoundedMatrix::count).sum();
    }

    private Stream<RoundedMatrix> trained() {
        return matrices.values().stream().filter(RoundedMatrix::isTrained);
    }

    /** Takes the codes and scales of another file with the same types. */
    void take(Path other) {
        RoundedWeights.of(other).matrices.forEach((name, matrix) -> System.arraycopy(matrix.blocks(), 0, matrices.get(name).blocks(), 0, matrix.blocks().length));
    }

    /** Gives a network of the file's shape the values that the matrices hold. */
    public void copyTo(Network network) {
        try (var off = NoGrad.open()) {
            matrices.forEach((name, matrix) -> network.trainable().get(name).write_(matrix::values));
        }
    }

    /** Writes the file with codes and scales as they are now. */
    public void write(Path out) {
        try (GgufModel model = GgufModel.open(file)) {
            Map<String, GgufWeight> byName = new LinkedHashMap<>();
            GgufWeight.of(model.spec()).forEach(weight -> byName.put(weight.gguf(), weight));
            List<GgufWriter.Entry> entries = new ArrayList<>();
            for (GgufTensor tensor : model.file().tensors().values()) {
                GgufWeight weight = byName.get(tensor.name());
                RoundedMatrix matrix = weight == null ? null : matrices.get(weight.huggingFace());
                entries.add(new GgufWriter.Entry(tensor.name(), tensor.type(), tensor.shape(), () -> matrix == null ? tensor.data() : rows(weight, matrix)));
            }
            GgufWriter.write(out, model.file().metadata().values(), entries);
        }
    }

    private static MemorySegment rows(GgufWeight weight, RoundedMatrix matrix) {
        MemorySegment rows = Arena.ofAuto().allocate(matrix.blocks().length, 64);
        weight.toGgufRows(MemorySegment.ofArray(matrix.blocks()), rows, matrix.blocks().length / matrix.rows());
        return rows;
    }
}
