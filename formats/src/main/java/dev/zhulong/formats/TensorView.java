package dev.zhulong.formats;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.Supplier;

/** A tensor where it lies in a mapped file, or as it is made of what lies there: row-major, little-endian, read-only. */
public final class TensorView {

    private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

    private final String name;
    private final StorageType type;
    private final long[] shape;
    private final Supplier<MemorySegment> data;
    private final Path file;

    /**
     * One that lies in a file.
     *
     * @param name  as in the file
     * @param type  of the elements
     * @param shape rows first; empty for a scalar
     * @param data  {@code elements() * type.bytes()} bytes, alive until the file that gave the view is closed
     * @param file  where it lies, for messages
     */
    public TensorView(String name, StorageType type, long[] shape, MemorySegment data, Path file) {
        this(name, type, shape, () -> data, file);
    }

    private TensorView(String name, StorageType type, long[] shape, Supplier<MemorySegment> data, Path file) {
        this.name = name;
        this.type = type;
        this.shape = shape.clone();
        this.data = data;
        this.file = file;
    }

    /** One that is made anew each time it is asked for, and is not kept: of packed blocks, or of a part of a tensor whose elements do not lie together. */
    public static TensorView made(String name, StorageType type, long[] shape, Supplier<MemorySegment> data, Path file) {
        return new TensorView(name, type, shape, data, file);
    }

    /** Its name in the file. */
    public String name() {
        return name;
    }

    /** The type of its elements. */
    public StorageType type() {
        return type;
    }

    /** Rows first; empty for a scalar. */
    public long[] shape() {
        return shape.clone();
    }

    /** Its elements. To be asked once for each use: they may have to be made. */
    public MemorySegment data() {
        return data.get();
    }

    /** Where it lies, for messages. */
    public Path file() {
        return file;
    }

    /** Number of elements. */
    public long elements() {
        long elements = 1;
        for (long dimension : shape) {
            elements *= dimension;
        }
        return elements;
    }

    /** A part along the first dimension, under another name: {@code shape} elements from the one numbered {@code from}. */
    public TensorView part(String partName, long from, long... partShape) {
        long count = 1;
        for (long dimension : partShape) {
            count *= dimension;
        }
        long bytes = count * type.bytes();
        return new TensorView(partName, type, partShape, () -> data().asSlice(from * type.bytes(), bytes), file);
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
        return HalfFloats.toFloats(type, data());
    }

    /**
     * A copy of an integer tensor as longs (token ids).
     *
     * @throws FormatException for another type or more elements than a Java array holds
     */
    public long[] toLongs() {
        requireArraySize();
        MemorySegment from = data();
        long[] longs = new long[(int) elements()];
        for (int i = 0; i < longs.length; i++) {
            longs[i] = switch (type) {
                case I8 -> from.get(ValueLayout.JAVA_BYTE, i);
                case U8, BOOL -> from.get(ValueLayout.JAVA_BYTE, i) & 0xff;
                case I16 -> from.get(ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ORDER), 2L * i);
                case U16 -> from.get(ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ORDER), 2L * i) & 0xffff;
                case I32 -> from.get(ValueLayout.JAVA_INT_UNALIGNED.withOrder(ORDER), 4L * i);
                case U32 -> Integer.toUnsignedLong(from.get(ValueLayout.JAVA_INT_UNALIGNED.withOrder(ORDER), 4L * i));
                case I64 -> from.get(ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ORDER), 8L * i);
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
    public String toString() {
        return name + " " + type + Arrays.toString(shape);
    }
}
