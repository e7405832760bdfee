package dev.zhulong.kernels;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Products with weights of two bits: one, four or eight rows of activations with one block of weights, eight as twice four.
 *
 * <p>A 16-bit lane holds eight weights, which are taken apart one after the other and multiplied by the integers as {@link ActivationIntegers#pairs} has them. Sixteen
 * products of such a weight and an int8 fit a lane (16 * 3 * 127 = 6,096), which is one unit: a lane is widened once for 32 weights. The integer sum of a
 * unit is exact, and units are added in order, so that an output's bits depend neither on the tile nor on the width of the vectors. The types of this form have
 * no minimum, and scales in f16 unless one of them is too large.
 */
final class CrumbKernel {
    private CrumbKernel() {}

    /** C[rows of the tile, rows of the block] = A · Wᵀ, whole vectors, written to {@code c[cAt + row * stride + lane]}. */
    static void multiply(PackedWeights w, int block, Activations a, int tile, float[] c, int cAt, int stride) {
        int rows = a.tileCount(tile);
        int n = a.tileRows(tile);
        if (n == 1) {
            one(w, block, a, tile, c, cAt);
            return;
        }
        for (int first = 0; first < rows; first += 4) {
            four(w, block, a, tile, n, first, c, cAt + first * stride, stride, Math.min(4, rows - first));
        }
    }

    private static void one(PackedWeights w, int block, Activations a, int tile, float[] c, int cAt) {
        MemorySegment data = w.data;
        MemorySegment scales = w.scales;
        int[] pairs = a.integers.pairs;
        float[] as = a.integers.scales;
        int[] bias = a.integers.bias;
        float factor = w.factor;
        int units = w.units;
        int perGroup = w.perGroup;
        boolean wide = w.wide;
        long scaleStep = w.scaleStep;
        long at = block * w.blockBytes;
        long scaleAt = block * w.blockScaleBytes;
        int p = tile * 8 * units * 16;
        int q = tile * 8 * units;
        FloatVector c0 = FloatVector.zero(Lanes.F);
        for (int u = 0; u < units; ) {
            FloatVector ws = wide ? Lanes.f32(scales, scaleAt) : Lanes.f16(scales, scaleAt, factor);
            scaleAt += scaleStep;
            for (int end = Math.min(units, u + perGroup); u < end; u++, q++) {
                ShortVector s0 = ones(bias[q]);
                ShortVector t0 = ShortVector.zero(Lanes.S);
                for (int last = p + 16; p < last; p += 8) {
                    // of each lane the lower byte's weights are those of even pairs, the upper byte's those of odd ones
                    ShortVector v = ShortVector.fromMemorySegment(Lanes.S, data, at, Lanes.LE);
                    at += Lanes.BYTES;
                    s0 = s0.add(v.and((short) 3).mul(both(pairs[p])));
                    t0 = t0.add(v.lanewise(VectorOperators.LSHR, 8).and((short) 3).mul(both(pairs[p + 1])));
                    s0 = s0.add(v.lanewise(VectorOperators.LSHR, 2).and((short) 3).mul(both(pairs[p + 2])));
                    t0 = t0.add(v.lanewise(VectorOperators.LSHR, 10).and((short) 3).mul(both(pairs[p + 3])));
                    s0 = s0.add(v.lanewise(VectorOperators.LSHR, 4).and((short) 3).mul(both(pairs[p + 4])));
                    t0 = t0.add(v.lanewise(VectorOperators.LSHR, 12).and((short) 3).mul(both(pairs[p + 5])));
                    s0 = s0.add(v.lanewise(VectorOperators.LSHR, 6).and((short) 3).mul(both(pairs[p + 6])));
                    t0 = t0.add(v.lanewise(VectorOperators.LSHR, 14).mul(both(pairs[p + 7])));
                }
                c0 = widened(s0.add(t0)).fma(ws.mul(as[q]), c0);
            }
        }
        c0.intoArray(c, cAt);
    }

    /** Rows {@code first} to {@code first + 4} of a tile of {@code n}, of which {@code rows} are written. */
    private static void four(PackedWeights w, int block, Activations a, int tile, int n, int first, float[] c, int cAt, int stride, int rows) {
        MemorySegment data = w.data;
        MemorySegment scales = w.scales;
        int[] pairs = a.integers.pairs;
        float[] as = a.integers.scales;
        int[] bias = a.integers.bias;
        float factor = w.factor;
        int units = w.units;
        int perGroup = w.perGroup;
        boolean wide = w.wide;
        long scaleStep = w.scaleStep;
        long at = block * w.blockBytes;
        long scaleAt = block * w.blockScaleBytes;
        int p = tile * 8 * units * 16 + first;
        int q = tile * 8 * units + first;
        FloatVector c0 = FloatVector.zero(Lanes.F);
        FloatVector c1 = FloatVector.zero(Lanes.F);
        FloatVector c2 = FloatVector.zero(Lanes.F);
        FloatVector c3 = FloatVector.zero(Lanes.F);
        for (int u = 0; u < units; ) {
            FloatVector ws = wide ? Lanes.f32(scales, scaleAt) : Lanes.f16(scales, scaleAt, factor);
            scaleAt += scaleStep;
            for (int end = Math.min(units, u + perGroup); u < end; u++, q += n) {
                ShortVector s0 = ones(bias[q]);
                ShortVector s1 = ones(bias[q + 1]);
                ShortVector s2 = ones(bias[q + 2]);
                ShortVector s3 = ones(bias[q + 3]);
                for (int i = 0; i < 2; i++) {
                    ShortVector even = ShortVector.fromMemorySegment(Lanes.S, data, at, Lanes.LE);
                    ShortVector odd = even.lanewise(VectorOperators.LSHR, 8);
                    at += Lanes.BYTES;
                    for (int last = p + 8 * n; p < last; p += 2 * n) {
                        ShortVector x = even.and((short) 3);
                        ShortVector y = odd.and((short) 3);
                        even = even.lanewise(VectorOperators.LSHR, 2);
                        odd = odd.lanewise(VectorOperators.LSHR, 2);
                        s0 = s0.add(x.mul(both(pairs[p]))).add(y.mul(both(pairs[p + n])));
                        s1 = s1.add(x.mul(both(pairs[p + 1]))).add(y.mul(both(pairs[p + n + 1])));
                        s2 = s2.add(x.mul(both(pairs[p + 2]))).add(y.mul(both(pairs[p + n + 2])));
                        s3 = s3.add(x.mul(both(pairs[p + 3]))).add(y.mul(both(pairs[p + n + 3])));
                    }
                }
                c0 = widened(s0).fma(ws.mul(as[q]), c0);
                c1 = widened(s1).fma(ws.mul(as[q + 1]), c1);
                c2 = widened(s2).fma(ws.mul(as[q + 2]), c2);
                c3 = widened(s3).fma(ws.mul(as[q + 3]), c3);
            }
        }
        c0.intoArray(c, cAt);
        if (rows > 1) {
            c1.intoArray(c, cAt + stride);
        }
        if (rows > 2) {
            c2.intoArray(c, cAt + 2 * stride);
        }
        if (rows > 3) {
            c3.intoArray(c, cAt + 3 * stride);
        }
    }

    private static ShortVector both(int pair) {
        return IntVector.broadcast(Lanes.I, pair).reinterpretAsShorts();
    }

    /** -8 times sums of integers, as -1 times: what makes up for weights that are one too large. */
    private static ShortVector ones(int bias) {
        return both(bias).lanewise(VectorOperators.ASHR, 3);
    }

    /** The sum of the two halves of each lane. */
    private static FloatVector widened(ShortVector sums) {
        IntVector b = sums.reinterpretAsInts();
        b = b.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16).add(b.lanewise(VectorOperators.ASHR, 16));
        return (FloatVector) b.convert(VectorOperators.I2F, 0);
    }
}
