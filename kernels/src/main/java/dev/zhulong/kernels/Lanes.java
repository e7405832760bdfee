package dev.zhulong.kernels;

import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;
import java.lang.foreign.MemorySegment;

/** The vector shapes all kernels share: one 32-bit lane an output row. */
final class Lanes {
    static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
    static final VectorSpecies<Integer> I = IntVector.SPECIES_PREFERRED;
    static final VectorSpecies<Short> S = ShortVector.SPECIES_PREFERRED;
    static final VectorSpecies<Byte> B = ByteVector.SPECIES_PREFERRED;

    /** 32-bit lanes, which is the number of rows of W in a block. */
    static final int COUNT = I.length();
    /** Bytes of a vector. */
    static final int BYTES = I.vectorByteSize();

    /** As many shorts as there are 32-bit lanes. */
    static final VectorSpecies<Short> HALF = VectorSpecies.of(short.class, VectorShape.forBitSize(BYTES * 4));

    /** As many bytes as there are 32-bit lanes. */
    static final VectorSpecies<Byte> QUARTER = VectorSpecies.of(byte.class, VectorShape.forBitSize(BYTES * 2));

    static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;

    private Lanes() {}

    /** One f16 for each lane, widened exactly, times {@code factor * 0x1p-112}. Not for infinities and NaN; slow for subnormals. */
    static FloatVector f16(MemorySegment from, long offset, float factor) {
        IntVector bits = (IntVector) ShortVector.fromMemorySegment(HALF, from, offset, LE).convertShape(VectorOperators.S2I, I, 0);
        // sign extension leaves the sign in bit 31 after the shift; the exponent is 112 too small
        return bits.lanewise(VectorOperators.LSHL, 13).and(0x8fffe000).reinterpretAsFloats().mul(factor);
    }

    /** One bf16 for each lane. */
    static FloatVector bf16(MemorySegment from, long offset) {
        IntVector bits = (IntVector) ShortVector.fromMemorySegment(HALF, from, offset, LE).convertShape(VectorOperators.S2I, I, 0);
        return bits.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
    }

    static FloatVector f32(MemorySegment from, long offset) {
        return FloatVector.fromMemorySegment(F, from, offset, LE);
    }
}
