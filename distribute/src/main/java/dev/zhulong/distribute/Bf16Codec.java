package dev.zhulong.distribute;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Each value as BF16, rounded to nearest even. */
final class Bf16Codec implements Codec {
    private static final int CHUNK = 8192;

    private final float[] values = new float[CHUNK];
    private final short[] halves = new short[CHUNK];

    @Override
    public long bytes(long count) {
        return count * Short.BYTES;
    }

    @Override
    public void encode(MemorySegment from, MemorySegment to) {
        long count = from.byteSize() / Float.BYTES;
        for (long at = 0; at < count; at += CHUNK) {
            int n = (int) Math.min(CHUNK, count - at);
            MemorySegment.copy(from, ValueLayout.JAVA_FLOAT_UNALIGNED, at * Float.BYTES, values, 0, n);
            for (int i = 0; i < n; i++) {
                int bits = Float.floatToRawIntBits(values[i]);
                // the carry would make a zero of a NaN
                int rounded = values[i] != values[i] ? 0x7fc00000 : bits + 0x7fff + (bits >>> 16 & 1);
                halves[i] = (short) (rounded >>> 16);
                values[i] -= Float.intBitsToFloat(rounded & 0xffff0000);
            }
            MemorySegment.copy(halves, 0, to, ValueLayout.JAVA_SHORT_UNALIGNED, at * Short.BYTES, n);
            MemorySegment.copy(values, 0, from, ValueLayout.JAVA_FLOAT_UNALIGNED, at * Float.BYTES, n);
        }
    }

    @Override
    public void addTo(MemorySegment encoded, MemorySegment to) {
        long count = to.byteSize() / Float.BYTES;
        for (long at = 0; at < count; at += CHUNK) {
            int n = (int) Math.min(CHUNK, count - at);
            MemorySegment.copy(encoded, ValueLayout.JAVA_SHORT_UNALIGNED, at * Short.BYTES, halves, 0, n);
            MemorySegment.copy(to, ValueLayout.JAVA_FLOAT_UNALIGNED, at * Float.BYTES, values, 0, n);
            for (int i = 0; i < n; i++) {
                values[i] += Float.intBitsToFloat(halves[i] << 16);
            }
            MemorySegment.copy(values, 0, to, ValueLayout.JAVA_FLOAT_UNALIGNED, at * Float.BYTES, n);
        }
    }
}
