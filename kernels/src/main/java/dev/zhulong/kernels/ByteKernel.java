package dev.zhulong.kernels;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Products with weights of eight bits: one, four or eight rows of activations with one block of weights.
 *
 * <p>Two products of two int8 fit a 16-bit lane, even those of -128, as activations stop at 127 (2 * 128 * 127 = 32,512). The integer sum
 * of a group is exact, and groups are added in order, so that an output's bits depend neither on the tile nor on the width of the
 * vectors. Groups are of 32, or of 16: then a unit has two.
 */
final class ByteKernel {
    private ByteKernel() {}

    /** C[rows of the tile, rows of the block] = A · Wᵀ, whole vectors, written to {@code c[cAt + row * stride + lane]}. */
    static void multiply(PackedWeights w, int block, Activations a, int tile, float[] c, int cAt, int stride) {
        int rows = a.tileCount(tile);
        switch (a.tileRows(tile)) {
            case 1 -> tile1(w, block, a, tile, c, cAt);
            case 4 -> tile4(w, block, a, tile, c, cAt, stride, rows);
            default -> tile8(w, block, a, tile, c, cAt, stride, rows);
        }
    }

    private static void tile1(PackedWeights w, int block, Activations a, int tile, float[] c, int cAt) {
        MemorySegment data = w.data;
        MemorySegment scales = w.scales;
        MemorySegment mins = w.mins;
        int[] pairs = a.integers.pairs;
        float[] as = a.integers.scales;
        float[] weighted = w.group == 16 ? a.integers.weighted16 : a.integers.weighted;
        float factor = w.factor;
        int units = w.units;
        boolean halves = w.group == 16;
        boolean wide = w.wide;
        boolean hasMin = w.hasMin;
        long scaleStep = w.scaleStep;
        long at = block * w.blockBytes;
        long scaleAt = block * w.blockScaleBytes;
        int p = tile * 8 * units * 16;
        int q = tile * 8 * units;
        FloatVector c0 = FloatVector.zero(Lanes.F);
        for (int u = 0; u < units; u++) {
            for (int part = halves ? 0 : 1; part < 2; part++) {
                IntVector s0 = IntVector.zero(Lanes.I);
                for (int last = p + (halves ? 8 : 16); p < last; p += 2) {
                    ShortVector v = ShortVector.fromMemorySegment(Lanes.S, data, at, Lanes.LE);
                    at += Lanes.BYTES;
                    ShortVector even = v.lanewise(VectorOperators.LSHL, 8).lanewise(VectorOperators.ASHR, 8);
                    ShortVector odd = v.lanewise(VectorOperators.ASHR, 8);
                    IntVector b0 = even.mul(IntVector.broadcast(Lanes.I, pairs[p]).reinterpretAsShorts())
                            .add(odd.mul(IntVector.broadcast(Lanes.I, pairs[p + 1]).reinterpretAsShorts())).reinterpretAsInts();
                    s0 = s0.add(b0.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16)).add(b0.lanewise(VectorOperators.ASHR, 16));
                }
                FloatVector ws = wide ? Lanes.f32(scales, scaleAt) : Lanes.f16(scales, scaleAt, factor);
                c0 = ((FloatVector) s0.convert(VectorOperators.I2F, 0)).fma(ws.mul(as[q]), c0);
                if (hasMin) {
                    FloatVector min = wide ? Lanes.f32(mins, scaleAt) : Lanes.f16(mins, scaleAt, factor);
                    int m = halves ? 2 * q + part : q;
                    c0 = min.fma(FloatVector.broadcast(Lanes.F, weighted[m]), c0);
                }
                scaleAt += scaleStep;
            }
            q += 1;
        }
        c0.intoArray(c, cAt);
    }

    private static void tile4(PackedWeights w, int block, Activations a, int tile, float[] c, int cAt, int stride, int rows) {
        MemorySegment data = w.data;
        MemorySegment scales = w.scales;
        MemorySegment mins = w.mins;
        float[] values = a.integers.integers;
        float[] as = a.integers.scales;
        float[] weighted = w.group == 16 ? a.integers.weighted16 : a.integers.weighted;
        float factor = w.factor;
        int units = w.units;
        boolean halves = w.group == 16;
        boolean wide = w.wide;
        boolean hasMin = w.hasMin;
        long scaleStep = w.scaleStep;
        long at = block * w.blockBytes;
        long scaleAt = block * w.blockScaleBytes;
        int p = tile * 8 * units * 32;
        int q = tile * 8 * units;
        FloatVector c0 = FloatVector.zero(Lanes.F);
        FloatVector c1 = FloatVector.zero(Lanes.F);
        FloatVector c2 = FloatVector.zero(Lanes.F);
        FloatVector c3 = FloatVector.zero(Lanes.F);
        for (int u = 0; u < units; u++) {
            for (int part = halves ? 0 : 1; part < 2; part++) {
                FloatVector s0 = FloatVector.zero(Lanes.F);
                FloatVector s1 = FloatVector.zero(Lanes.F);
                FloatVector s2 = FloatVector.zero(Lanes.F);
                FloatVector s3 = FloatVector.zero(Lanes.F);
                for (int last = p + (halves ? 64 : 128); p < last; ) {
                    IntVector v = IntVector.fromMemorySegment(Lanes.I, data, at, Lanes.LE);
                    at += Lanes.BYTES;
                    for (int end = p + 16; p < end; p += 4) {
                        FloatVector x = (FloatVector) v.lanewise(VectorOperators.LSHL, 24).lanewise(VectorOperators.ASHR, 24).convert(VectorOperators.I2F, 0);
                        v = v.lanewise(VectorOperators.LSHR, 8);
                        s0 = x.fma(FloatVector.broadcast(Lanes.F, values[p]), s0);
                        s1 = x.fma(FloatVector.broadcast(Lanes.F, values[p + 1]), s1);
                        s2 = x.fma(FloatVector.broadcast(Lanes.F, values[p + 2]), s2);
                        s3 = x.fma(FloatVector.broadcast(Lanes.F, values[p + 3]), s3);
                    }
                }
                FloatVector ws = wide ? Lanes.f32(scales, scaleAt) : Lanes.f16(scales, scaleAt, factor);
                c0 = s0.fma(ws.mul(as[q]), c0);
                c1 = s1.fma(ws.mul(as[q + 1]), c1);
                c2 = s2.fma(ws.mul(as[q + 2]), c2);
                c3 = s3.fma(ws.mul(as[q + 3]), c3);
                if (hasMin) {
                    FloatVector min = wide ? Lanes.f32(mins, scaleAt) : Lanes.f16(mins, scaleAt, factor);
                    int m = halves ? 2 * q + part * 4 : q;
                    c0 = min.fma(FloatVector.broadcast(Lanes.F, weighted[m]), c0);
                    c1 = min.fma(FloatVector.broadcast(Lanes.F, weighted[m + 1]), c1);
                    c2 = min.fma(FloatVector.broadcast(Lanes.F, weighted[m + 2]), c2);
                    c3 = min.fma(FloatVector.broadcast(Lanes.F, weighted[m + 3]), c3);
                }
                scaleAt += scaleStep;
            }
            q += 4;
        }
        c0.intoArray(c, cAt);
        if (rows > 1) {
            c1.intoArray(c, cAt + 1 * stride);
        }
        if (rows > 2) {
            c2.intoArray(c, cAt + 2 * stride);
        }
        if (rows > 3) {
            c3.intoArray(c, cAt + 3 * stride);
        }
    }

    private static void tile8(PackedWeights w, int block, Activations a, int tile, float[] c, int cAt, int stride, int rows) {
        MemorySegment data = w.data;
        MemorySegment scales = w.scales;
        MemorySegment mins = w.mins;
        float[] values = a.integers.integers;
        float[] as = a.integers.scales;
        float[] weighted = w.group == 16 ? a.integers.weighted16 : a.integers.weighted;
        float factor = w.factor;
        int units = w.units;
        boolean halves = w.group == 16;
        boolean wide = w.wide;
        boolean hasMin = w.hasMin;
        long scaleStep = w.scaleStep;
        long at = block * w.blockBytes;
        long scaleAt = block * w.blockScaleBytes;
        int p = tile * 8 * units * 32;
        int q = tile * 8 * units;
        FloatVector c0 = FloatVector.zero(Lanes.F);
        FloatVector c1 = FloatVector.zero(Lanes.F);
        FloatVector c2 = FloatVector.zero(Lanes.F);
        FloatVector c3 = FloatVector.zero(Lanes.F);
        FloatVector c4 = FloatVector.zero(Lanes.F);
        FloatVector c5 = FloatVector.zero(Lanes.F);
        FloatVector c6 = FloatVector.zero(Lanes.F);
        FloatVector c7 = FloatVector.zero(Lanes.F);
        for (int u = 0; u < units; u++) {
            for (int part = halves ? 0 : 1; part < 2; part++) {
                FloatVector s0 = FloatVector.zero(Lanes.F);
                FloatVector s1 = FloatVector.zero(Lanes.F);
                FloatVector s2 = FloatVector.zero(Lanes.F);
                FloatVector s3 = FloatVector.zero(Lanes.F);
                FloatVector s4 = FloatVector.zero(Lanes.F);
                FloatVector s5 = FloatVector.zero(Lanes.F);
                FloatVector s6 = FloatVector.zero(Lanes.F);
                FloatVector s7 = FloatVector.zero(Lanes.F);
                for (int last = p + (halves ? 128 : 256); p < last; ) {
                    IntVector v = IntVector.fromMemorySegment(Lanes.I, data, at, Lanes.LE);
                    at += Lanes.BYTES;
                    for (int end = p + 32; p < end; p += 8) {
                        FloatVector x = (FloatVector) v.lanewise(VectorOperators.LSHL, 24).lanewise(VectorOperators.ASHR, 24).convert(VectorOperators.I2F, 0);
                        v = v.lanewise(VectorOperators.LSHR, 8);
                        s0 = x.fma(FloatVector.broadcast(Lanes.F, values[p]), s0);
                        s1 = x.fma(FloatVector.broadcast(Lanes.F, values[p + 1]), s1);
                        s2 = x.fma(FloatVector.broadcast(Lanes.F, values[p + 2]), s2);
                        s3 = x.fma(FloatVector.broadcast(Lanes.F, values[p + 3]), s3);
                        s4 = x.fma(FloatVector.broadcast(Lanes.F, values[p + 4]), s4);
                        s5 = x.fma(FloatVector.broadcast(Lanes.F, values[p + 5]), s5);
                        s6 = x.fma(FloatVector.broadcast(Lanes.F, values[p + 6]), s6);
                        s7 = x.fma(FloatVector.broadcast(Lanes.F, values[p + 7]), s7);
                    }
                }
                FloatVector ws = wide ? Lanes.f32(scales, scaleAt) : Lanes.f16(scales, scaleAt, factor);
                c0 = s0.fma(ws.mul(as[q]), c0);
                c1 = s1.fma(ws.mul(as[q + 1]), c1);
                c2 = s2.fma(ws.mul(as[q + 2]), c2);
                c3 = s3.fma(ws.mul(as[q + 3]), c3);
                c4 = s4.fma(ws.mul(as[q + 4]), c4);
                c5 = s5.fma(ws.mul(as[q + 5]), c5);
                c6 = s6.fma(ws.mul(as[q + 6]), c6);
                c7 = s7.fma(ws.mul(as[q + 7]), c7);
                if (hasMin) {
                    FloatVector min = wide ? Lanes.f32(mins, scaleAt) : Lanes.f16(mins, scaleAt, factor);
                    int m = halves ? 2 * q + part * 8 : q;
                    c0 = min.fma(FloatVector.broadcast(Lanes.F, weighted[m]), c0);
                    c1 = min.fma(FloatVector.broadcast(Lanes.F, weighted[m + 1]), c1);
                    c2 = min.fma(FloatVector.broadcast(Lanes.F, weighted[m + 2]), c2);
                    c3 = min.fma(FloatVector.broadcast(Lanes.F, weighted[m + 3]), c3);
                    c4 = min.fma(FloatVector.broadcast(Lanes.F, weighted[m + 4]), c4);
                    c5 = min.fma(FloatVector.broadcast(Lanes.F, weighted[m + 5]), c5);
                    c6 = min.fma(FloatVector.broadcast(Lanes.F, weighted[m + 6]), c6);
                    c7 = min.fma(FloatVector.broadcast(Lanes.F, weighted[m + 7]), c7);
                }
                scaleAt += scaleStep;
            }
            q += 8;
        }
        c0.intoArray(c, cAt);
        if (rows > 1) {
            c1.intoArray(c, cAt + 1 * stride);
        }
        if (rows > 2) {
            c2.intoArray(c, cAt + 2 * stride);
        }
        if (rows > 3) {
            c3.intoArray(c, cAt + 3 * stride);
        }
        if (rows > 4) {
            c4.intoArray(c, cAt + 4 * stride);
        }
        if (rows > 5) {
            c5.intoArray(c, cAt + 5 * stride);
        }
        if (rows > 6) {
            c6.intoArray(c, cAt + 6 * stride);
        }
        if (rows > 7) {
            c7.intoArray(c, cAt + 7 * stride);
        }
    }
}
