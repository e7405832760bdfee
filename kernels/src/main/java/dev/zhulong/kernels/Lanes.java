package dev.zhulong.kernels;

import java.nio.ByteOrder;
import java.util.Optional;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;
import java.lang.foreign.MemorySegment;

/**
 * The vector shapes all kernels share: one 32-bit lane an output row.
 *
 * <p>Vectors have 128 bits (SSE, NEON), 256 or 512. Longer ones, which SVE can have, are not used: 512 bits are a cache line, and sums of
 * {@link DecoderOps#softmax} have as many strands.
 */
final class Lanes {
    private static final int LEAST_BITS = 128;
    private static final int MOST_BITS = 512;
    private static final VectorShape SHAPE = VectorShape.forBitSize(bits(VectorShape.preferredShape().vectorBitSize()));

    static final VectorSpecies<Float> F = VectorSpecies.of(float.class, SHAPE);
    static final VectorSpecies<Integer> I = VectorSpecies.of(int.class, SHAPE);
    static final VectorSpecies<Short> S = VectorSpecies.of(short.class, SHAPE);

    static final VectorSpecies<Double> D = VectorSpecies.of(double.class, SHAPE);
    /** As many floats as {@link #D} has doubles. */
    static final VectorSpecies<Float> FEW = VectorSpecies.of(float.class, VectorShape.forBitSize(SHAPE.vectorBitSize() / 2));

    /** 32-bit lanes, which is the number of rows of W in a block. */
    static final int COUNT = I.length();
    /** Bytes of a vector. */
    static final int BYTES = I.vectorByteSize();

    /** As many shorts as there are 32-bit lanes. */
    static final VectorSpecies<Short> HALF = VectorSpecies.of(short.class, VectorShape.forBitSize(BYTES * 4));

    /** As many bytes as there are 32-bit lanes; but eight, the fewest a vector can have, where there are four lanes. */
    static final VectorSpecies<Byte> QUARTER = VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, BYTES * 2)));

    static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;

    private Lanes() {}

    /** Bits of the vectors to compute with where the JVM prefers {@code preferred}. */
    static int bits(int preferred) {
        return Math.clamp(preferred, LEAST_BITS, MOST_BITS);
    }

    /** What is wrong with vectors of {@code preferred} bits, if anything. */
    static Optional<String> problem(int preferred) {
        return preferred >= LEAST_BITS ? Optional.empty() : Optional.of("the CPU kernels need vectors of " + LEAST_BITS
                + " bits or more, and this JVM offers " + preferred + ": start Java without -XX:MaxVectorSize, or on a processor with SSE4.1 or NEON");
    }

    /** What is wrong with the vectors of this JVM, if anything. */
    static Optional<String> problem() {
        return problem(VectorShape.preferredShape().vectorBitSize());
    }

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
