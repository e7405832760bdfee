package dev.zhulong.tensor;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** What surrounds an int8 product, in vector code: rows of floats to bytes, sums of integers to outputs. Each element for itself, so that bits do
 * not depend on the width of vectors. */
final class ByteRows {
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
    /** A byte a lane; but eight, the fewest a vector can have, where there are four lanes. */
    private static final VectorSpecies<Byte> B = VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, 8 * F.length())));
    private static final int LANES = F.length();
    /** Added to a float below 2^22, leaves it rounded to the nearest integer (of two, the even one) in the low bits. */
    private static final float ROUND = 0x1.8p23f;

    private ByteRows() {}

    /** Of {@code n} values and 0; NaN where one is NaN. */
    static float least(float[] x, int n) {
        FloatVector least = FloatVector.zero(F);
        int i = 0;
        for (; i + LANES <= n; i += LANES) {
            least = least.min(FloatVector.fromArray(F, x, i));
        }
        float result = least.reduceLanes(VectorOperators.MIN);
        for (; i < n; i++) {
            result = Math.min(result, x[i]);
        }
        return result;
    }

    /** Of {@code n} values and 0; NaN where one is NaN. */
    static float largest(float[] x, int n) {
        FloatVector largest = FloatVector.zero(F);
        int i = 0;
        for (; i + LANES <= n; i += LANES) {
            largest = largest.max(FloatVector.fromArray(F, x, i));
        }
        float result = largest.reduceLanes(VectorOperators.MAX);
        for (; i < n; i++) {
            result = Math.max(result, x[i]);
        }
        return result;
    }

    /** The low byte of round(x · factor) + shift, halves to even; |x · factor| is below 2^22. */
    static void round(float[] x, int n, float factor, int shift, byte[] to, int at) {
        int offset = shift - Float.floatToRawIntBits(ROUND);
        int i = 0;
        // a vector of bytes that has more than there are lanes is overwritten by the next
        for (; i + B.length() <= n; i += LANES) {
            FloatVector.fromArray(F, x, i).mul(factor).add(ROUND).reinterpretAsInts().add(offset).convertShape(VectorOperators.I2B, B, 0)
                    .reinterpretAsBytes().intoArray(to, at + i);
        }
        for (; i < n; i++) {
            to[at + i] = (byte) (Float.floatToRawIntBits(x[i] * factor + ROUND) + offset);
        }
    }

    /** {@code out = (out − zero · sums) · scales · step}, and then {@code out += x · w} for each kept column in turn, fused. */
    static void finish(float[] out, int at, int count, float zero, float step, float[] sums, float[] scales, int begin, float[] kept, int x, float[] w,
            int columns, int stride) {
        int i = 0;
        for (; i + LANES <= count; i += LANES) {
            FloatVector v = FloatVector.fromArray(F, out, at + i).sub(FloatVector.fromArray(F, sums, begin + i).mul(zero))
                    .mul(FloatVector.fromArray(F, scales, begin + i)).mul(step);
            for (int c = 0; c < columns; c++) {
                v = FloatVector.fromArray(F, w, c * stride + begin + i).fma(FloatVector.broadcast(F, kept[x + c]), v);
            }
            v.intoArray(out, at + i);
        }
        for (; i < count; i++) {
            float v = (out[at + i] - sums[begin + i] * zero) * scales[begin + i] * step;
            for (int c = 0; c < columns; c++) {
                v = Math.fma(w[c * stride + begin + i], kept[x + c], v);
            }
            out[at + i] = v;
        }
    }
}
