package dev.zhulong.kernels;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Products with weights of four bits: one, four or eight rows of activations with one block of weights.
 *
 * <p>A 16-bit lane holds four nibbles, which are never taken apart: shifted words are multiplied by {@link ActivationIntegers#steps}, and what the
 * upper nibbles add to a product the next one takes away. That is exact modulo 2^16, so it is exact once the sum of the unit fits. Sixteen
 * products of a nibble and an int8 do (16 * 15 * 127 = 30,480), which is one unit: a lane is widened once for 32 weights. The integer sum of a
 * unit is exact, and units are added in order, so that an output's bits depend neither on the tile nor on the width of the vectors.
 */
final class NibbleKernel {
    private NibbleKernel() {}

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
        int[] steps = a.integers.steps;
        float[] as = a.integers.scales;
        int[] bias = w.offset == 0 ? a.integers.none : a.integers.bias;
        float[] weighted = a.integers.weighted;
        float factor = w.factor;
        int units = w.units;
        int perGroup = w.perGroup;
        boolean wide = w.wide;
        boolean hasMin = w.hasMin;
        long scaleStep = w.scaleStep;
        long at = block * w.blockBytes;
        long scaleAt = block * w.blockScaleBytes;
        int p = tile * 8 * units * 16;
        int q = tile * 8 * units;
        FloatVector c0 = FloatVector.zero(Lanes.F);
        for (int u = 0; u < units; ) {
            FloatVector ws = wide ? Lanes.f32(scales, scaleAt) : Lanes.f16(scales, scaleAt, factor);
            FloatVector min = ws;
            if (hasMin) {
                min = wide ? Lanes.f32(mins, scaleAt) : Lanes.f16(mins, scaleAt, factor);
            }
            scaleAt += scaleStep;
            for (int end = Math.min(units, u + perGroup); u < end; u++) {
                ShortVector s0 = IntVector.broadcast(Lanes.I, bias[q]).reinterpretAsShorts();
                ShortVector t0 = ShortVector.zero(Lanes.S);
                for (int i = 0; i < 4; i++) {
                    ShortVector v = ShortVector.fromMemorySegment(Lanes.S, data, at, Lanes.LE);
                    s0 = s0.add(v.mul(IntVector.broadcast(Lanes.I, steps[p]).reinterpretAsShorts()));
                    t0 = t0.add(v.lanewise(VectorOperators.LSHR, 4).mul(IntVector.broadcast(Lanes.I, steps[p + 1]).reinterpretAsShorts()));
                    s0 = s0.add(v.lanewise(VectorOperators.LSHR, 8).mul(IntVector.broadcast(Lanes.I, steps[p + 2]).reinterpretAsShorts()));
                    t0 = t0.add(v.lanewise(VectorOperators.LSHR, 12).mul(IntVector.broadcast(Lanes.I, steps[p + 3]).reinterpretAsShorts()));
                    at += Lanes.BYTES;
                    p += 4;
                }
                IntVector b0 = s0.add(t0).reinterpretAsInts();
                b0 = b0.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16).add(b0.lanewise(VectorOperators.ASHR, 16));
                c0 = ((FloatVector) b0.convert(VectorOperators.I2F, 0)).fma(ws.mul(as[q]), c0);
                if (hasMin) {
                    c0 = min.fma(FloatVector.broadcast(Lanes.F, weighted[q]), c0);
                }
                q++;
            }
        }
        c0.intoArray(c, cAt);
    }

    private static void tile4(PackedWeights w, int block, Activations a, int tile, float[] c, int cAt, int stride, int rows) {
        MemorySegment data = w.data;
        MemorySegment scales = w.scales;
        MemorySegment mins = w.mins;
        int[] steps = a.integers.steps;
        float[] as = a.integers.scales;
        int[] bias = w.offset == 0 ? a.integers.none : a.integers.bias;
        float[] weighted = a.integers.weighted;
        float factor = w.factor;
        int units = w.units;
        int perGroup = w.perGroup;
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
        for (int u = 0; u < units; ) {
            FloatVector ws = wide ? Lanes.f32(scales, scaleAt) : Lanes.f16(scales, scaleAt, factor);
            FloatVector min = ws;
            if (hasMin) {
                min = wide ? Lanes.f32(mins, scaleAt) : Lanes.f16(mins, scaleAt, factor);
            }
            scaleAt += scaleStep;
            for (int end = Math.min(units, u + perGroup); u < end; u++) {
                ShortVector s0 = IntVector.broadcast(Lanes.I, bias[q]).reinterpretAsShorts();
                ShortVector s1 = IntVector.broadcast(Lanes.I, bias[q + 1]).reinterpretAsShorts();
                ShortVector s2 = IntVector.broadcast(Lanes.I, bias[q + 2]).reinterpretAsShorts();
                ShortVector s3 = IntVector.broadcast(Lanes.I, bias[q + 3]).reinterpretAsShorts();
                for (int i = 0; i < 4; i++) {
                    ShortVector v = ShortVector.fromMemorySegment(Lanes.S, data, at, Lanes.LE);
                    at += Lanes.BYTES;
                    for (int last = p + 16; p < last; p += 4) {
                        ShortVector n = v;
                        v = v.lanewise(VectorOperators.LSHR, 4);
                        s0 = s0.add(n.mul(IntVector.broadcast(Lanes.I, steps[p]).reinterpretAsShorts()));
                        s1 = s1.add(n.mul(IntVector.broadcast(Lanes.I, steps[p + 1]).reinterpretAsShorts()));
                        s2 = s2.add(n.mul(IntVector.broadcast(Lanes.I, steps[p + 2]).reinterpretAsShorts()));
                        s3 = s3.add(n.mul(IntVector.broadcast(Lanes.I, steps[p + 3]).reinterpretAsShorts()));
                    }
                }
                IntVector b0 = s0.reinterpretAsInts();
                b0 = b0.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16).add(b0.lanewise(VectorOperators.ASHR, 16));
                c0 = ((FloatVector) b0.convert(VectorOperators.I2F, 0)).fma(ws.mul(as[q]), c0);
                IntVector b1 = s1.reinterpretAsInts();
                b1 = b1.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16).add(b1.lanewise(VectorOperators.ASHR, 16));
                c1 = ((FloatVector) b1.convert(VectorOperators.I2F, 0)).fma(ws.mul(as[q + 1]), c1);
                IntVector b2 = s2.reinterpretAsInts();
                b2 = b2.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16).add(b2.lanewise(VectorOperators.ASHR, 16));
                c2 = ((FloatVector) b2.convert(VectorOperators.I2F, 0)).fma(ws.mul(as[q + 2]), c2);
                IntVector b3 = s3.reinterpretAsInts();
                b3 = b3.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16).add(b3.lanewise(VectorOperators.ASHR, 16));
                c3 = ((FloatVector) b3.convert(VectorOperators.I2F, 0)).fma(ws.mul(as[q + 3]), c3);
                if (hasMin) {
                    c0 = min.fma(FloatVector.broadcast(Lanes.F, weighted[q]), c0);
                    c1 = min.fma(FloatVector.broadcast(Lanes.F, weighted[q + 1]), c1);
                    c2 = min.fma(FloatVector.broadcast(Lanes.F, weighted[q + 2]), c2);
                    c3 = min.fma(FloatVector.broadcast(Lanes.F, weighted[q + 3]), c3);
                }
                q += 4;
            }
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
        int[] steps = a.integers.steps;
        float[] as = a.integers.scales;
        int[] bias = w.offset == 0 ? a.integers.none : a.integers.bias;
        float[] weighted = a.integers.weighted;
        float factor = w.factor;
        int units = w.units;
        int perGroup = w.perGroup;
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
        for (int u = 0; u < units; ) {
            FloatVector ws = wide ? Lanes.f32(scales, scaleAt) : Lanes.f16(scales, scaleAt, factor);
            FloatVector min = ws;
            if (hasMin) {
                min = wide ? Lanes.f32(mins, scaleAt) : Lanes.f16(mins, scaleAt, factor);
            }
            scaleAt += scaleStep;
            for (int end = Math.min(units, u + perGroup); u < end; u++) {
                ShortVector s0 = IntVector.broadcast(Lanes.I, bias[q]).reinterpretAsShorts();
                ShortVector s1 = IntVector.broadcast(Lanes.I, bias[q + 1]).reinterpretAsShorts();
                ShortVector s2 = IntVector.broadcast(Lanes.I, bias[q + 2]).reinterpretAsShorts();
                ShortVector s3 = IntVector.broadcast(Lanes.I, bias[q + 3]).reinterpretAsShorts();
                ShortVector s4 = IntVector.broadcast(Lanes.I, bias[q + 4]).reinterpretAsShorts();
                ShortVector s5 = IntVector.broadcast(Lanes.I, bias[q + 5]).reinterpretAsShorts();
                ShortVector s6 = IntVector.broadcast(Lanes.I, bias[q + 6]).reinterpretAsShorts();
                ShortVector s7 = IntVector.broadcast(Lanes.I, bias[q + 7]).reinterpretAsShorts();
                for (int i = 0; i < 4; i++) {
                    ShortVector v = ShortVector.fromMemorySegment(Lanes.S, data, at, Lanes.LE);
                    at += Lanes.BYTES;
                    for (int last = p + 32; p < last; p += 8) {
                        ShortVector n = v;
                        v = v.lanewise(VectorOperators.LSHR, 4);
                        s0 = s0.add(n.mul(IntVector.broadcast(Lanes.I, steps[p]).reinterpretAsShorts()));
                        s1 = s1.add(n.mul(IntVector.broadcast(Lanes.I, steps[p + 1]).reinterpretAsShorts()));
                        s2 = s2.add(n.mul(IntVector.broadcast(Lanes.I, steps[p + 2]).reinterpretAsShorts()));
                        s3 = s3.add(n.mul(IntVector.broadcast(Lanes.I, steps[p + 3]).reinterpretAsShorts()));
                        s4 = s4.add(n.mul(IntVector.broadcast(Lanes.I, steps[p + 4]).reinterpretAsShorts()));
                        s5 = s5.add(n.mul(IntVector.broadcast(Lanes.I, steps[p + 5]).reinterpretAsShorts()));
                        s6 = s6.add(n.mul(IntVector.broadcast(Lanes.I, steps[p + 6]).reinterpretAsShorts()));
                        s7 = s7.add(n.mul(IntVector.broadcast(Lanes.I, steps[p + 7]).reinterpretAsShorts()));
                    }
                }
                IntVector b0 = s0.reinterpretAsInts();
                b0 = b0.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16).add(b0.lanewise(VectorOperators.ASHR, 16));
                c0 = ((FloatVector) b0.convert(VectorOperators.I2F, 0)).fma(ws.mul(as[q]), c0);
                IntVector b1 = s1.reinterpretAsInts();
                b1 = b1.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16).add(b1.lanewise(VectorOperators.ASHR, 16));
                c1 = ((FloatVector) b1.convert(VectorOperators.I2F, 0)).fma(ws.mul(as[q + 1]), c1);
                IntVector b2 = s2.reinterpretAsInts();
                b2 = b2.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16).add(b2.lanewise(VectorOperators.ASHR, 16));
                c2 = ((FloatVector) b2.convert(VectorOperators.I2F, 0)).fma(ws.mul(as[q + 2]), c2);
                IntVector b3 = s3.reinterpretAsInts();
                b3 = b3.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16).add(b3.lanewise(VectorOperators.ASHR, 16));
                c3 = ((FloatVector) b3.convert(VectorOperators.I2F, 0)).fma(ws.mul(as[q + 3]), c3);
                IntVector b4 = s4.reinterpretAsInts();
                b4 = b4.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16).add(b4.lanewise(VectorOperators.ASHR, 16));
                c4 = ((FloatVector) b4.convert(VectorOperators.I2F, 0)).fma(ws.mul(as[q + 4]), c4);
                IntVector b5 = s5.reinterpretAsInts();
                b5 = b5.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16).add(b5.lanewise(VectorOperators.ASHR, 16));
                c5 = ((FloatVector) b5.convert(VectorOperators.I2F, 0)).fma(ws.mul(as[q + 5]), c5);
                IntVector b6 = s6.reinterpretAsInts();
                b6 = b6.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16).add(b6.lanewise(VectorOperators.ASHR, 16));
                c6 = ((FloatVector) b6.convert(VectorOperators.I2F, 0)).fma(ws.mul(as[q + 6]), c6);
                IntVector b7 = s7.reinterpretAsInts();
                b7 = b7.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16).add(b7.lanewise(VectorOperators.ASHR, 16));
                c7 = ((FloatVector) b7.convert(VectorOperators.I2F, 0)).fma(ws.mul(as[q + 7]), c7);
                if (hasMin) {
                    c0 = min.fma(FloatVector.broadcast(Lanes.F, weighted[q]), c0);
                    c1 = min.fma(FloatVector.broadcast(Lanes.F, weighted[q + 1]), c1);
                    c2 = min.fma(FloatVector.broadcast(Lanes.F, weighted[q + 2]), c2);
                    c3 = min.fma(FloatVector.broadcast(Lanes.F, weighted[q + 3]), c3);
                    c4 = min.fma(FloatVector.broadcast(Lanes.F, weighted[q + 4]), c4);
                    c5 = min.fma(FloatVector.broadcast(Lanes.F, weighted[q + 5]), c5);
                    c6 = min.fma(FloatVector.broadcast(Lanes.F, weighted[q + 6]), c6);
                    c7 = min.fma(FloatVector.broadcast(Lanes.F, weighted[q + 7]), c7);
                }
                q += 8;
            }
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
