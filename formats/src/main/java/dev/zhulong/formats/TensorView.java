package dev.zhulong.formats;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * A tensor where it lies in a mapped file: row-major, little-endian, read-only.
 *
 * @param name  as in the file
 * @param type  of the elements
 * @param shape rows first; empty for a scalar
 * @param data  {@code elements() * type.bytes()} bytes, alive until the file that gave the view is closed
 * @param file  where it lies, for messages
 */
public record TensorView(String name, StorageType type, long[] shape, MemorySegment data, Path file) {

    private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

    @Override
    public long[] shape() {
        return shape.clone();
    }

    /** Number of elements. */
    public long elements() {
        return data.byteSize() / type.bytes();
    }

    /**
     * A copy of an F64, F32, F16 or BF16 tensor as floats.
     *
     * @throws FormatException for another type or more elements than a Java array holds
     */
    public float[] toFloats() {
        if (!type.isFloat()) {
            throw mismatch("F64, F32, F16 or BF16", type);
        }
        requireArraySize();
        return HalfFloats.toFloats(type, data);
    }

    /**
     * A copy of an integer tensor as longs (token ids).
     *
     * @throws FormatException for another type or more elements than a Java array holds
     */
    public long[] toLongs() {
        requireArraySize();
        long[] longs = new long[(int) elements()];
        for (int i = 0; i < longs.length; i++) {
            longs[i] = switch (type) {
                case I8 -> data.get(ValueLayout.JAVA_BYTE, i);
                case U8, BOOL -> data.get(ValueLayout.JAVA_BYTE, i) & 0xff;
                case I16 -> data.get(ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ORDER), 2L * i);
                case U16 -> data.get(ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ORDER), 2L * i) & 0xffff;
                case I32 -> data.get(ValueLayout.JAVA_INT_UNALIGNED.withOrder(ORDER), 4L * i);
                case U32 -> Integer.toUnsignedLong(data.get(ValueLayout.JAVA_INT_UNALIGNED.withOrder(ORDER), 4L * i));
                case I64 -> data.get(ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ORDER), 8L * i);
                default -> throw mismatch("an integer type", type);
            };
        }
        return longs;
    }

    /**
     * This view, if it has the given shape.
     *
     * @throws FormatException when it has another
     */
    public TensorView requireShape(long... expected) {
        if (!Arrays.equals(shape, expected)) {
            throw mismatch("shape " + Arrays.toString(expected), Arrays.toString(shape));
        }
        return this;
    }

    private void requireArraySize() {
        if (elements() > Integer.MAX_VALUE - 8) {
            throw mismatch("at most 2147483639 elements for a Java array", elements());
        }
    }

    private FormatException mismatch(String expected, Object found) {
        return FormatException.at(file, "tensor " + FormatException.quote(name), expected, found);
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
