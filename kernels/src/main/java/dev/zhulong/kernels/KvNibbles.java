package dev.zhulong.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Keys and values of {@link KvPages} in four bits, -8 … 7 times an f16 scale for each {@value #GROUP} dimensions of a head (the last group of a head may be smaller).
 *
 * <p>Queries, keys and values are turned before (a Hadamard matrix over blocks of the largest power of two that divides the head, divided by its root), and
 * results are turned back, which the same matrix does: products stay what they are, and what is large in a few dimensions is spread over all of them and costs the others
 * no bits (QuaRot, Ashkboos et al. 2024).
 *
 * <p>Keys lie [head, pair of dimensions, position], a pair in a byte; scales [head, group, position]. Values lie [head, position, group], of a group the first half
 * in the lower nibbles; scales [head, position, group].
 */
final class KvNibbles {
    static final int GROUP = 32;

    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final float WIDEN = 0x1p112f;
    /** By what the largest is divided for a scale: of these the one that leaves the least. */
    private static final float[] DIVISORS = {-8, -7.2f, -6.4f, 7};

    private final int headDim;
    private final int groups;
    private final int block;
    private final float norm;

    KvNibbles(int headDim) {
        if (headDim % 2 > 0) {
            throw new IllegalArgumentException("heads of " + headDim + " cannot be kept in four bits: expected an even number");
        }
        this.headDim = headDim;
        groups = (headDim + GROUP - 1) / GROUP;
        block = Integer.lowestOneBit(headDim);
        norm = (float) (1 / Math.sqrt(block));
    }

    /** Bytes of the keys, or of the values, of a page; and of their scales. */
    static long bytes(int kvHeads, int headDim) {
        return (long) kvHeads * KvPages.PAGE * headDim / 2;
    }

    static long scaleBytes(int kvHeads, int headDim) {
        return (long) kvHeads * KvPages.PAGE * ((headDim + GROUP - 1) / GROUP) * 2;
    }

    /** A head, turned. */
    float[] turned(float[] x, int at) {
        float[] out = new float[headDim];
        System.arraycopy(x, at, out, 0, headDim);
        for (int step = 1; step < block; step *= 2) {
            for (int i = 0; i < headDim; i++) {
                if ((i & step) == 0) {
                    float a = out[i];
                    float b = out[i + step];
                    out[i] = a + b;
                    out[i + step] = a - b;
                }
            }
        }
        for (int i = 0; i < headDim; i++) {
            out[i] *= norm;
        }
        return out;
    }

    private int size(int group) {
        return Math.min(GROUP, headDim - group * GROUP);
    }

    void putKey(MemorySegment to, MemorySegment scales, int head, int slot, float[] k, int at) {
        float[] x = turned(k, at);
        for (int g = 0; g < groups; g++) {
            float scale = scale(x, g * GROUP, size(g));
            scales.setAtIndex(SHORT, ((long) head * groups + g) * KvPages.PAGE + slot, Float.floatToFloat16(scale));
            for (int d = g * GROUP; d < g * GROUP + size(g); d += 2) {
                to.set(ValueLayout.JAVA_BYTE, ((long) head * headDim / 2 + d / 2) * KvPages.PAGE + slot, (byte) (code(x[d], scale) & 15 | code(x[d + 1], scale) << 4));
            }
        }
    }

    void putValue(MemorySegment to, MemorySegment scales, int head, int slot, float[] v, int at) {
        long position = (long) head * KvPages.PAGE + slot;
        float[] x = turned(v, at);
        for (int g = 0; g < groups; g++) {
            int first = g * GROUP;
            int half = size(g) / 2;
            float scale = scale(x, first, size(g));
            scales.setAtIndex(SHORT, position * groups + g, Float.floatToFloat16(scale));
            for (int j = 0; j < half; j++) {
                to.set(ValueLayout.JAVA_BYTE, position * (headDim / 2) + g * GROUP / 2 + j, (byte) (code(x[first + j], scale) & 15 | code(x[first + half + j], scale) << 4));
            }
        }
    }

    /** As it is stored in an f16. */
    private static float scale(float[] x, int from, int n) {
        float extreme = 0;
        for (int i = from; i < from + n; i++) {
            if (!(Math.abs(x[i]) <= 65504)) {
                throw new IllegalArgumentException("a key or value of magnitude " + Math.abs(x[i]) + ": expected at most 65504");
            }
            extreme = Math.abs(x[i]) > Math.abs(extreme) ? x[i] : extreme;
        }
        float best = 0;
        float least = Float.MAX_VALUE;
        for (float divisor : DIVISORS) {
            float scale = Quantiser.half(extreme / divisor);
            float error = 0;
            for (int i = from; i < from + n; i++) {
                float off = x[i] - code(x[i], scale) * scale;
                error += off * off;
            }
            if (error < least) {
                least = error;
                best = scale;
            }
        }
        return best;
    }

    private static int code(float x, float scale) {
        return scale == 0 ? 0 : Math.clamp((int) Math.rint(x / scale), -8, 7);
    }

    /** Zeroes positions {@code slot} and beyond. */
    void clear(MemorySegment keys, MemorySegment keyScales, MemorySegment values, MemorySegment valueScales, int kvHeads, int slot) {
        long left = KvPages.PAGE - slot;
        for (long row = 0; row < (long) kvHeads * headDim / 2; row++) {
            keys.asSlice(row * KvPages.PAGE + slot, left).fill((byte) 0);
        }
        for (long row = 0; row < (long) kvHeads * groups; row++) {
            keyScales.asSlice((row * KvPages.PAGE + slot) * 2, left * 2).fill((byte) 0);
        }
        for (long head = 0; head < kvHeads; head++) {
            long position = head * KvPages.PAGE + slot;
            values.asSlice(position * (headDim / 2), left * (headDim / 2)).fill((byte) 0);
            valueScales.asSlice(position * groups * 2, left * groups * 2).fill((byte) 0);
        }
    }

    /** Scores of the first {@code n} positions of a page, in whole vectors. @param q turned */
    void scores(float[] q, MemorySegment keys, MemorySegment scales, int head, float scale, float[] to, int at, int n) {
        for (int p = 0; p < n; p += Lanes.COUNT) {
            FloatVector total = FloatVector.zero(Lanes.F);
            long from = (long) head * headDim / 2 * KvPages.PAGE + p;
            for (int g = 0; g < groups; g++) {
                FloatVector sum = FloatVector.zero(Lanes.F);
                int end = g * GROUP + size(g);
                for (int d = g * GROUP; d < end; d += 2, from += KvPages.PAGE) {
                    IntVector pair = pairs(keys, from);
                    sum = lower(pair).fma(FloatVector.broadcast(Lanes.F, q[d]), sum);
                    sum = upper(pair).fma(FloatVector.broadcast(Lanes.F, q[d + 1]), sum);
                }
                total = Lanes.f16(scales, (((long) head * groups + g) * KvPages.PAGE + p) * 2, WIDEN).fma(sum, total);
            }
            total.mul(scale).intoArray(to, at + p);
        }
    }

    /** The same bits in plain loops, of positions {@code first} to {@code n}. */
    void plainScores(float[] q, MemorySegment keys, MemorySegment scales, int head, float scale, float[] to, int at, int first, int n) {
        for (int p = first; p < n; p++) {
            float total = 0;
            long from = (long) head * headDim / 2 * KvPages.PAGE + p;
            for (int g = 0; g < groups; g++) {
                float sum = 0;
                int end = g * GROUP + size(g);
                for (int d = g * GROUP; d < end; d += 2, from += KvPages.PAGE) {
                    int pair = keys.get(ValueLayout.JAVA_BYTE, from);
                    sum = Math.fma((float) (pair << 28 >> 28), q[d], sum);
                    sum = Math.fma((float) (pair >> 4), q[d + 1], sum);
                }
                total = Math.fma(f16(scales, ((long) head * groups + g) * KvPages.PAGE + p), sum, total);
            }
            to[at + p] = total * scale;
        }
    }

    /** Sums of values by their weights, over positions {@code 0 … global} and {@code first … length}, whose weights stand from {@code first - global} on. */
    void weigh(MemorySegment[] values, MemorySegment[] scales, int head, int[] table, int global, int first, int length, float[] weights, float[] out, int outAt) {
        float[] part = new float[Lanes.COUNT];
        for (int g = 0; g < groups; g++) {
            int half = size(g) / 2;
            for (int j = 0; j < half; j += Lanes.COUNT) {
                FloatVector sum0 = FloatVector.zero(Lanes.F);
                FloatVector sum1 = sum0;
                for (int t = first - global; t < length; ) {
                    int position = KvPages.position(t, global, first);
                    MemorySegment from = values[table[position / KvPages.PAGE]];
                    MemorySegment by = scales[table[position / KvPages.PAGE]];
                    int end = KvPages.pageEnd(t, position, first, length);
                    for (long slot = (long) head * KvPages.PAGE + position % KvPages.PAGE; t < end; t++, slot++) {
                        FloatVector weight = FloatVector.broadcast(Lanes.F, weights[t] * f16(by, slot * groups + g));
                        IntVector pair = pairs(from, slot * (headDim / 2) + g * GROUP / 2 + j);
                        sum0 = lower(pair).fma(weight, sum0);
                        sum1 = upper(pair).fma(weight, sum1);
                    }
                }
                int n = Math.min(Lanes.COUNT, half - j);
                sum0.intoArray(part, 0);
                System.arraycopy(part, 0, out, outAt + g * GROUP + j, n);
                sum1.intoArray(part, 0);
                System.arraycopy(part, 0, out, outAt + g * GROUP + half + j, n);
            }
        }
    }

    /** The same bits in plain loops. */
    void plainWeigh(MemorySegment[] values, MemorySegment[] scales, int head, int[] table, int global, int first, int length, float[] weights, float[] out, int outAt) {
        for (int d = 0; d < headDim; d++) {
            out[outAt + d] = 0;
        }
        for (int t = first - global; t < length; t++) {
            int position = KvPages.position(t, global, first);
            MemorySegment from = values[table[position / KvPages.PAGE]];
            MemorySegment by = scales[table[position / KvPages.PAGE]];
            long slot = (long) head * KvPages.PAGE + position % KvPages.PAGE;
            for (int g = 0; g < groups; g++) {
                float weight = weights[t] * f16(by, slot * groups + g);
                int half = size(g) / 2;
                for (int j = 0; j < half; j++) {
                    int pair = from.get(ValueLayout.JAVA_BYTE, slot * (headDim / 2) + g * GROUP / 2 + j);
                    int to = outAt + g * GROUP + j;
                    out[to] = Math.fma((float) (pair << 28 >> 28), weight, out[to]);
                    out[to + half] = Math.fma((float) (pair >> 4), weight, out[to + half]);
                }
            }
        }
    }

    private static float f16(MemorySegment from, long index) {
        return Float.float16ToFloat(from.getAtIndex(SHORT, index));
    }

    private static IntVector pairs(MemorySegment from, long at) {
        return (IntVector) ByteVector.fromMemorySegment(Lanes.QUARTER, from, at, Lanes.LE).convertShape(VectorOperators.B2I, Lanes.I, 0);
    }

    private static FloatVector lower(IntVector pairs) {
        return (FloatVector) pairs.lanewise(VectorOperators.LSHL, 28).lanewise(VectorOperators.ASHR, 28).convert(VectorOperators.I2F, 0);
    }

    private static FloatVector upper(IntVector pairs) {
        return (FloatVector) pairs.lanewise(VectorOperators.ASHR, 4).convert(VectorOperators.I2F, 0);
    }
}
