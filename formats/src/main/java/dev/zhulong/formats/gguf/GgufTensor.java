package dev.zhulong.formats.gguf;

import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.StorageType;
import dev.zhulong.formats.TensorView;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;

/**
 * A tensor where it lies in a mapped GGUF file: row-major, in blocks along its rows, read-only.
 *
 * @param name  as in the file
 * @param type  of the blocks
 * @param shape rows first, so the reverse of the order in the file; empty for a scalar
 * @param data  the blocks, alive until the file that gave the tensor is closed
 * @param file  where it lies, for messages
 */
public record GgufTensor(String name, GgufType type, long[] shape, MemorySegment data, Path file) {

    @Override
    public long[] shape() {
        return shape.clone();
    }

    /** Number of elements. */
    public long elements() {
        return elements(shape);
    }

    static long elements(long[] shape) {
        long elements = 1;
        for (long dimension : shape) {
            elements = Math.multiplyExact(elements, dimension);
        }
        return elements;
    }

    /** Bytes of a row, the elements along the last dimension. */
    public long rowBytes() {
        return type.bytes(shape.length == 0 ? 1 : shape[shape.length - 1]);
    }

    /** The same tensor as one of plain elements, where its type is F64, F32, F16 or BF16. */
    public Optional<TensorView> plain() {
        return switch (type) {
            case F64 -> Optional.of(new TensorView(name, StorageType.F64, shape(), data, file));
            case F32 -> Optional.of(new TensorView(name, StorageType.F32, shape(), data, file));
            case F16 -> Optional.of(new TensorView(name, StorageType.F16, shape(), data, file));
            case BF16 -> Optional.of(new TensorView(name, StorageType.BF16, shape(), data, file));
            default -> Optional.empty();
        };
    }

    /**
     * This tensor, if it has the given shape.
     *
     * @throws FormatException when it has another
     */
    public GgufTensor requireShape(long... expected) {
        if (!Arrays.equals(shape, expected)) {
            throw FormatException.at(file, "tensor " + FormatException.quote(name), "shape " + Arrays.toString(expected),
                    Arrays.toString(shape));
        }
        return this;
    }

    /**
     * This tensor, if Zhulong computes with its type.
     *
     * @throws FormatException when it does not; the message says which types will do
     */
    public GgufTensor requireSupported() {
        if (!type.isSupported()) {
            throw FormatException.at(file, "tensor " + FormatException.quote(name),
                    "one of " + GgufType.supported() + " (take a file in one of these, or make one with llama-quantize from F16)", type);
        }
        return this;
    }

    @Override
    public boolean equals(Object other) {
        return this == other;
    }

    @Override
    public int hashCode() {
        return System.identityHashCode(this);
    }

    @Override
    public String toString() {
        return name + " " + type + Arrays.toString(shape);
    }
}
