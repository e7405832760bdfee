package dev.zhulong.distribute;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** Adds F32 values in memory. */
final class Sums {
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
    private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;

    private Sums() {}

    /** {@code to[i] = a[i] + b[i]}; {@code to} may be either. */
    static void add(MemorySegment to, MemorySegment a, MemorySegment b) {
        long bytes = to.byteSize();
        long step = F.vectorByteSize();
        long at = 0;
        for (; at + step <= bytes; at += step) {
            FloatVector.fromMemorySegment(F, a, at, LE).add(FloatVector.fromMemorySegment(F, b, at, LE)).intoMemorySegment(to, at, LE);
        }
        for (; at < bytes; at += Float.BYTES) {
            to.set(ValueLayout.JAVA_FLOAT_UNALIGNED, at, a.get(ValueLayout.JAVA_FLOAT_UNALIGNED, at) + b.get(ValueLayout.JAVA_FLOAT_UNALIGNED, at));
        }
    }
}
