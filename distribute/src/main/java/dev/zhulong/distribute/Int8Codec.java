package dev.zhulong.distribute;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/** Each value as a signed byte, and an F32 scale for each {@value #BLOCK} of them: the largest is 127. */
final class Int8Codec implements Codec {
    static final int BLOCK = 128;
    private static final int LARGEST = 127;
    /** Added and taken away, it leaves an F32 of this size rounded to nearest even. */
    private static final float ROUND = 0x1.8p23f;

    private final float[] values = new float[BLOCK];
    private final byte[] bytes = new byte[BLOCK];

    @Override
    public long bytes(long count) {
        return count + (count + BLOCK - 1) / BLOCK * Float.BYTES;
    }

    @Override
    public void encode(MemorySegment from, MemorySegment to) {
        long count = from.byteSize() / Float.BYTES;
        long out = 0;
        for (long at = 0; at < count; at += BLOCK) {
            int n = (int) Math.min(BLOCK, count - at);
            MemorySegment.copy(from, ValueLayout.JAVA_FLOAT_UNALIGNED, at * Float.BYTES, values, 0, n);
            float scale = largest(n) / LARGEST;
            if (scale == 0) {
                Arrays.fill(bytes, 0, n, (byte) 0);
            } else {
                round(n, scale);
                MemorySegment.copy(values, 0, from, ValueLayout.JAVA_FLOAT_UNALIGNED, at * Float.BYTES, n);
            }
            to.set(ValueLayout.JAVA_FLOAT_UNALIGNED, out, scale);
            MemorySegment.copy(bytes, 0, to, ValueLayout.JAVA_BYTE, out + Float.BYTES, n);
            out += Float.BYTES + n;
        }
    }

    private float largest(int n) {
        float largest = 0;
        for (int i = 0; i < n; i++) {
            largest = Math.max(largest, Math.abs(values[i]));
        }
        return largest;
    }

    /** A product, not a division, would now and then round away from zero what lies below a half, and what is left would no longer be exact. */
    private void round(int n, float scale) {
        for (int i = 0; i < n; i++) {
            float rounded = values[i] / scale + ROUND - ROUND;
            bytes[i] = (byte) rounded;
            values[i] -= rounded * scale;
        }
    }

    @Override
    public void addTo(MemorySegment encoded, MemorySegment to) {
        long count = to.byteSize() / Float.BYTES;
        long in = 0;
        for (long at = 0; at < count; at += BLOCK) {
            int n = (int) Math.min(BLOCK, count - at);
            float scale = encoded.get(ValueLayout.JAVA_FLOAT_UNALIGNED, in);
            MemorySegment.copy(encoded, ValueLayout.JAVA_BYTE, in + Float.BYTES, bytes, 0, n);
            MemorySegment.copy(to, ValueLayout.JAVA_FLOAT_UNALIGNED, at * Float.BYTES, values, 0, n);
            for (int i = 0; i < n; i++) {
                values[i] += bytes[i] * scale;
            }
            MemorySegment.copy(values, 0, to, ValueLayout.JAVA_FLOAT_UNALIGNED, at * Float.BYTES, n);
            in += Float.BYTES + n;
        }
    }
}
