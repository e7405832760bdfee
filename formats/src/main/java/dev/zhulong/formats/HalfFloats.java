package dev.zhulong.formats;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Floating point of 16 bits to and from float, and tensors of any float type to and from F32.
 *
 * <p>Narrowing rounds to nearest, ties to even, keeps subnormals, overflows to infinity, and never turns a NaN into an infinity.
 * Storage is little-endian and need not be aligned.
 */
public final class HalfFloats {

    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int QUIET_BIT = 0x0040_0000;

    private HalfFloats() {}

    /** The bfloat16 with these bits; exact. */
    public static float bf16ToFloat(short bits) {
        return Float.intBitsToFloat(bits << 16);
    }

    /** The bits of the bfloat16 nearest to {@code value}; a NaN keeps sign and upper payload and becomes quiet. */
    public static short floatToBf16(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (value != value) {
            return (short) ((bits | QUIET_BIT) >>> 16);
        }
        int tieToEven = 0x7fff + ((bits >>> 16) & 1);
        return (short) ((bits + tieToEven) >>> 16);
    }

    /** The IEEE 754 binary16 with these bits; exact. */
    public static float f16ToFloat(short bits) {
        return Float.float16ToFloat(bits);
    }

    /** The bits of the binary16 nearest to {@code value}. */
    public static short floatToF16(float value) {
        return Float.floatToFloat16(value);
    }

    /**
     * Widens or narrows {@code source}, elements of {@code type} (F64, F32, F16 or BF16), to floats.
     *
     * @throws IllegalArgumentException for another type or more elements than an array holds
     */
    public static float[] toFloats(StorageType type, MemorySegment source) {
        long elements = elements(type, source);
        if (elements > Integer.MAX_VALUE - 8) {
            throw new IllegalArgumentException(elements + " elements do not fit in a Java array; convert segment to segment");
        }
        float[] floats = new float[(int) elements];
        toF32(type, source, MemorySegment.ofArray(floats));
        return floats;
    }

    /**
     * Converts {@code source}, elements of {@code type} (F64, F32, F16 or BF16), to F32 in {@code target}.
     *
     * @throws IllegalArgumentException for another type or when {@code target} is not of the same number of elements
     */
    public static void toF32(StorageType type, MemorySegment source, MemorySegment target) {
        long n = elements(type, source);
        requireElements(target, n, Float.BYTES);
        switch (type) {
            case F32 -> MemorySegment.copy(source, 0, target, 0, source.byteSize());
            case F64 -> {
                for (long i = 0; i < n; i++) {
                    target.set(FLOAT, i * 4, (float) source.get(DOUBLE, i * 8));
                }
            }
            case F16 -> {
                for (long i = 0; i < n; i++) {
                    target.set(FLOAT, i * 4, Float.float16ToFloat(source.get(SHORT, i * 2)));
                }
            }
            case BF16 -> {
                for (long i = 0; i < n; i++) {
                    target.set(FLOAT, i * 4, bf16ToFloat(source.get(SHORT, i * 2)));
                }
            }
            default -> throw unsupported(type);
        }
    }

    /**
     * Converts {@code source}, elements of F32, to {@code type} (F64, F32, F16 or BF16) in {@code target}.
     *
     * @throws IllegalArgumentException for another type or when {@code target} is not of the same number of elements
     */
    public static void fromF32(MemorySegment source, StorageType type, MemorySegment target) {
        long n = elements(StorageType.F32, source);
        requireElements(target, n, type.bytes());
        switch (type) {
            case F32 -> MemorySegment.copy(source, 0, target, 0, source.byteSize());
            case F64 -> {
                for (long i = 0; i < n; i++) {
                    target.set(DOUBLE, i * 8, source.get(FLOAT, i * 4));
                }
            }
            case F16 -> {
                for (long i = 0; i < n; i++) {
                    target.set(SHORT, i * 2, Float.floatToFloat16(source.get(FLOAT, i * 4)));
                }
            }
            case BF16 -> {
                for (long i = 0; i < n; i++) {
                    target.set(SHORT, i * 2, floatToBf16(source.get(FLOAT, i * 4)));
                }
            }
            default -> throw unsupported(type);
        }
    }

    private static long elements(StorageType type, MemorySegment segment) {
        if (segment.byteSize() % type.bytes() != 0) {
            throw new IllegalArgumentException(segment.byteSize() + " bytes are not a whole number of " + type + " elements");
        }
        return segment.byteSize() / type.bytes();
    }

    private static void requireElements(MemorySegment target, long elements, int bytes) {
        if (target.byteSize() != elements * bytes) {
            throw new IllegalArgumentException("target: expected " + elements * bytes + " bytes, found " + target.byteSize());
        }
    }

    private static IllegalArgumentException unsupported(StorageType type) {
        return new IllegalArgumentException("expected F64, F32, F16 or BF16, found " + type);
    }
}
