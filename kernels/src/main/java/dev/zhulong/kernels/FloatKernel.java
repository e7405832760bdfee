package dev.zhulong.kernels;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * Products with weights in floating point: one, four or eight rows of activations with one block of weights.
 *
 * <p>Units of 32 products are summed by themselves and added in order, each product fused with its addition, so that an output's bits
 * depend neither on the tile nor on the width of the vectors.
 */
final class FloatKernel {
    private FloatKernel() {}

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
        boolean wide = w.wide;
        boolean half = w.type() == WeightType.F16;
        float factor = w.factor;
        float[] values = a.values;
        int units = w.units;
        long step = w.columnStep;
        long at = block * w.blockBytes;
        int p = tile * 8 * units * 32;
        FloatVector c0 = FloatVector.zero(Lanes.F);
        for (int u = 0; u < units; u++) {
            FloatVector s0 = FloatVector.zero(Lanes.F);
            for (int last = p + 32; p < last; p++) {
                FloatVector v = wide ? Lanes.f32(data, at) : half ? Lanes.f16(data, at, factor) : Lanes.bf16(data, at);
                at += step;
                s0 = v.fma(FloatVector.broadcast(Lanes.F, values[p]), s0);
            }
            c0 = c0.add(s0);
        }
        c0.intoArray(c, cAt);
    }

    private static void tile4(PackedWeights w, int block, Activations a, int tile, float[] c, int cAt, int stride, int rows) {
        MemorySegment data = w.data;
        boolean wide = w.wide;
        boolean half = w.type() == WeightType.F16;
        float factor = w.factor;
        float[] values = a.values;
        int units = w.units;
        long step = w.columnStep;
        long at = block * w.blockBytes;
        int p = tile * 8 * units * 32;
        FloatVector c0 = FloatVector.zero(Lanes.F);
        FloatVector c1 = FloatVector.zero(Lanes.F);
        FloatVector c2 = FloatVector.zero(Lanes.F);
        FloatVector c3 = FloatVector.zero(Lanes.F);
        for (int u = 0; u < units; u++) {
            FloatVector s0 = FloatVector.zero(Lanes.F);
            FloatVector s1 = FloatVector.zero(Lanes.F);
            FloatVector s2 = FloatVector.zero(Lanes.F);
            FloatVector s3 = FloatVector.zero(Lanes.F);
            for (int last = p + 128; p < last; p += 4) {
                FloatVector v = wide ? Lanes.f32(data, at) : half ? Lanes.f16(data, at, factor) : Lanes.bf16(data, at);
                at += step;
                s0 = v.fma(FloatVector.broadcast(Lanes.F, values[p]), s0);
                s1 = v.fma(FloatVector.broadcast(Lanes.F, values[p + 1]), s1);
                s2 = v.fma(FloatVector.broadcast(Lanes.F, values[p + 2]), s2);
                s3 = v.fma(FloatVector.broadcast(Lanes.F, values[p + 3]), s3);
            }
            c0 = c0.add(s0);
            c1 = c1.add(s1);
            c2 = c2.add(s2);
            c3 = c3.add(s3);
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
        boolean wide = w.wide;
        boolean half = w.type() == WeightType.F16;
        float factor = w.factor;
        float[] values = a.values;
        int units = w.units;
        long step = w.columnStep;
        long at = block * w.blockBytes;
        int p = tile * 8 * units * 32;
        FloatVector c0 = FloatVector.zero(Lanes.F);
        FloatVector c1 = FloatVector.zero(Lanes.F);
        FloatVector c2 = FloatVector.zero(Lanes.F);
        FloatVector c3 = FloatVector.zero(Lanes.F);
        FloatVector c4 = FloatVector.zero(Lanes.F);
        FloatVector c5 = FloatVector.zero(Lanes.F);
        FloatVector c6 = FloatVector.zero(Lanes.F);
        FloatVector c7 = FloatVector.zero(Lanes.F);
        for (int u = 0; u < units; u++) {
            FloatVector s0 = FloatVector.zero(Lanes.F);
            FloatVector s1 = FloatVector.zero(Lanes.F);
            FloatVector s2 = FloatVector.zero(Lanes.F);
            FloatVector s3 = FloatVector.zero(Lanes.F);
            FloatVector s4 = FloatVector.zero(Lanes.F);
            FloatVector s5 = FloatVector.zero(Lanes.F);
            FloatVector s6 = FloatVector.zero(Lanes.F);
            FloatVector s7 = FloatVector.zero(Lanes.F);
            for (int last = p + 256; p < last; p += 8) {
                FloatVector v = wide ? Lanes.f32(data, at) : half ? Lanes.f16(data, at, factor) : Lanes.bf16(data, at);
                at += step;
                s0 = v.fma(FloatVector.broadcast(Lanes.F, values[p]), s0);
                s1 = v.fma(FloatVector.broadcast(Lanes.F, values[p + 1]), s1);
                s2 = v.fma(FloatVector.broadcast(Lanes.F, values[p + 2]), s2);
                s3 = v.fma(FloatVector.broadcast(Lanes.F, values[p + 3]), s3);
                s4 = v.fma(FloatVector.broadcast(Lanes.F, values[p + 4]), s4);
                s5 = v.fma(FloatVector.broadcast(Lanes.F, values[p + 5]), s5);
                s6 = v.fma(FloatVector.broadcast(Lanes.F, values[p + 6]), s6);
                s7 = v.fma(FloatVector.broadcast(Lanes.F, values[p + 7]), s7);
            }
            c0 = c0.add(s0);
            c1 = c1.add(s1);
            c2 = c2.add(s2);
            c3 = c3.add(s3);
            c4 = c4.add(s4);
            c5 = c5.add(s5);
            c6 = c6.add(s6);
            c7 = c7.add(s7);
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
