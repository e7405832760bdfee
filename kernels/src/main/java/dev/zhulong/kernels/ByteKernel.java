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
        int rows = Math.min(8, a.rows() - 8 * tile);
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
        int[] pairs = a.pairs;
        float[] as = a.scales;
        float[] weighted = w.group == 16 ? a.weighted16 : a.weighted;
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
        int[] pairs = a.pairs;
        float[] as = a.scales;
        float[] weighted = w.group == 16 ? a.weighted16 : a.weighted;
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
        FloatVector c1 = FloatVector.zero(Lanes.F);
        FloatVector c2 = FloatVector.zero(Lanes.F);
        FloatVector c3 = FloatVector.zero(Lanes.F);
        for (int u = 0; u < units; u++) {
            for (int part = halves ? 0 : 1; part < 2; part++) {
                IntVector s0 = IntVector.zero(Lanes.I);
                IntVector s1 = IntVector.zero(Lanes.I);
                IntVector s2 = IntVector.zero(Lanes.I);
                IntVector s3 = IntVector.zero(Lanes.I);
                for (int last = p + (halves ? 32 : 64); p < last; p += 8) {
                    ShortVector v = ShortVector.fromMemorySegment(Lanes.S, data, at, Lanes.LE);
                    at += Lanes.BYTES;
                    ShortVector even = v.lanewise(VectorOperators.LSHL, 8).lanewise(VectorOperators.ASHR, 8);
                    ShortVector odd = v.lanewise(VectorOperators.ASHR, 8);
                    IntVector b0 = even.mul(IntVector.broadcast(Lanes.I, pairs[p]).reinterpretAsShorts())
                            .add(odd.mul(IntVector.broadcast(Lanes.I, pairs[p + 4]).reinterpretAsShorts())).reinterpretAsInts();
                    s0 = s0.add(b0.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16)).add(b0.lanewise(VectorOperators.ASHR, 16));
                    IntVector b1 = even.mul(IntVector.broadcast(Lanes.I, pairs[p + 1]).reinterpretAsShorts())
                            .add(odd.mul(IntVector.broadcast(Lanes.I, pairs[p + 5]).reinterpretAsShorts())).reinterpretAsInts();
                    s1 = s1.add(b1.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16)).add(b1.lanewise(VectorOperators.ASHR, 16));
                    IntVector b2 = even.mul(IntVector.broadcast(Lanes.I, pairs[p + 2]).reinterpretAsShorts())
                            .add(odd.mul(IntVector.broadcast(Lanes.I, pairs[p + 6]).reinterpretAsShorts())).reinterpretAsInts();
                    s2 = s2.add(b2.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16)).add(b2.lanewise(VectorOperators.ASHR, 16));
                    IntVector b3 = even.mul(IntVector.broadcast(Lanes.I, pairs[p + 3]).reinterpretAsShorts())
                            .add(odd.mul(IntVector.broadcast(Lanes.I, pairs[p + 7]).reinterpretAsShorts())).reinterpretAsInts();
                    s3 = s3.add(b3.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16)).add(b3.lanewise(VectorOperators.ASHR, 16));
                }
                FloatVector ws = wide ? Lanes.f32(scales, scaleAt) : Lanes.f16(scales, scaleAt, factor);
                c0 = ((FloatVector) s0.convert(VectorOperators.I2F, 0)).fma(ws.mul(as[q]), c0);
                c1 = ((FloatVector) s1.convert(VectorOperators.I2F, 0)).fma(ws.mul(as[q + 1]), c1);
                c2 = ((FloatVector) s2.convert(VectorOperators.I2F, 0)).fma(ws.mul(as[q + 2]), c2);
                c3 = ((FloatVector) s3.convert(VectorOperators.I2F, 0)).fma(ws.mul(as[q + 3]), c3);
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
        int[] pairs = a.pairs;
        float[] as = a.scales;
        float[] weighted = w.group == 16 ? a.weighted16 : a.weighted;
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
        FloatVector c1 = FloatVector.zero(Lanes.F);
        FloatVector c2 = FloatVector.zero(Lanes.F);
        FloatVector c3 = FloatVector.zero(Lanes.F);
        FloatVector c4 = FloatVector.zero(Lanes.F);
        FloatVector c5 = FloatVector.zero(Lanes.F);
        FloatVector c6 = FloatVector.zero(Lanes.F);
        FloatVector c7 = FloatVector.zero(Lanes.F);
        for (int u = 0; u < units; u++) {
            for (int part = halves ? 0 : 1; part < 2; part++) {
                IntVector s0 = IntVector.zero(Lanes.I);
                IntVector s1 = IntVector.zero(Lanes.I);
                IntVector s2 = IntVector.zero(Lanes.I);
                IntVector s3 = IntVector.zero(Lanes.I);
                IntVector s4 = IntVector.zero(Lanes.I);
                IntVector s5 = IntVector.zero(Lanes.I);
                IntVector s6 = IntVector.zero(Lanes.I);
                IntVector s7 = IntVector.zero(Lanes.I);
                for (int last = p + (halves ? 64 : 128); p < last; p += 16) {
                    ShortVector v = ShortVector.fromMemorySegment(Lanes.S, data, at, Lanes.LE);
                    at += Lanes.BYTES;
                    ShortVector even = v.lanewise(VectorOperators.LSHL, 8).lanewise(VectorOperators.ASHR, 8);
                    ShortVector odd = v.lanewise(VectorOperators.ASHR, 8);
                    IntVector b0 = even.mul(IntVector.broadcast(Lanes.I, pairs[p]).reinterpretAsShorts())
                            .add(odd.mul(IntVector.broadcast(Lanes.I, pairs[p + 8]).reinterpretAsShorts())).reinterpretAsInts();
                    s0 = s0.add(b0.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16)).add(b0.lanewise(VectorOperators.ASHR, 16));
                    IntVector b1 = even.mul(IntVector.broadcast(Lanes.I, pairs[p + 1]).reinterpretAsShorts())
                            .add(odd.mul(IntVector.broadcast(Lanes.I, pairs[p + 9]).reinterpretAsShorts())).reinterpretAsInts();
                    s1 = s1.add(b1.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16)).add(b1.lanewise(VectorOperators.ASHR, 16));
                    IntVector b2 = even.mul(IntVector.broadcast(Lanes.I, pairs[p + 2]).reinterpretAsShorts())
                            .add(odd.mul(IntVector.broadcast(Lanes.I, pairs[p + 10]).reinterpretAsShorts())).reinterpretAsInts();
                    s2 = s2.add(b2.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16)).add(b2.lanewise(VectorOperators.ASHR, 16));
                    IntVector b3 = even.mul(IntVector.broadcast(Lanes.I, pairs[p + 3]).reinterpretAsShorts())
                            .add(odd.mul(IntVector.broadcast(Lanes.I, pairs[p + 11]).reinterpretAsShorts())).reinterpretAsInts();
                    s3 = s3.add(b3.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16)).add(b3.lanewise(VectorOperators.ASHR, 16));
                    IntVector b4 = even.mul(IntVector.broadcast(Lanes.I, pairs[p + 4]).reinterpretAsShorts())
                            .add(odd.mul(IntVector.broadcast(Lanes.I, pairs[p + 12]).reinterpretAsShorts())).reinterpretAsInts();
                    s4 = s4.add(b4.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16)).add(b4.lanewise(VectorOperators.ASHR, 16));
                    IntVector b5 = even.mul(IntVector.broadcast(Lanes.I, pairs[p + 5]).reinterpretAsShorts())
                            .add(odd.mul(IntVector.broadcast(Lanes.I, pairs[p + 13]).reinterpretAsShorts())).reinterpretAsInts();
                    s5 = s5.add(b5.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16)).add(b5.lanewise(VectorOperators.ASHR, 16));
                    IntVector b6 = even.mul(IntVector.broadcast(Lanes.I, pairs[p + 6]).reinterpretAsShorts())
                            .add(odd.mul(IntVector.broadcast(Lanes.I, pairs[p + 14]).reinterpretAsShorts())).reinterpretAsInts();
                    s6 = s6.add(b6.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16)).add(b6.lanewise(VectorOperators.ASHR, 16));
                    IntVector b7 = even.mul(IntVector.broadcast(Lanes.I, pairs[p + 7]).reinterpretAsShorts())
                            .add(odd.mul(IntVector.broadcast(Lanes.I, pairs[p + 15]).reinterpretAsShorts())).reinterpretAsInts();
                    s7 = s7.add(b7.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16)).add(b7.lanewise(VectorOperators.ASHR, 16));
                }
                FloatVector ws = wide ? Lanes.f32(scales, scaleAt) : Lanes.f16(scales, scaleAt, factor);
                c0 = ((FloatVector) s0.convert(VectorOperators.I2F, 0)).fma(ws.mul(as[q]), c0);
                c1 = ((FloatVector) s1.convert(VectorOperators.I2F, 0)).fma(ws.mul(as[q + 1]), c1);
                c2 = ((FloatVector) s2.convert(VectorOperators.I2F, 0)).fma(ws.mul(as[q + 2]), c2);
                c3 = ((FloatVector) s3.convert(VectorOperators.I2F, 0)).fma(ws.mul(as[q + 3]), c3);
                c4 = ((FloatVector) s4.convert(VectorOperators.I2F, 0)).fma(ws.mul(as[q + 4]), c4);
                c5 = ((FloatVector) s5.convert(VectorOperators.I2F, 0)).fma(ws.mul(as[q + 5]), c5);
                c6 = ((FloatVector) s6.convert(VectorOperators.I2F, 0)).fma(ws.mul(as[q + 6]), c6);
                c7 = ((FloatVector) s7.convert(VectorOperators.I2F, 0)).fma(ws.mul(as[q + 7]), c7);
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
