package dev.zhulong.kernels;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;

/** Elementary functions on vectors, the same bits on every machine; {@link PlainOps} has them for single numbers. */
final class VectorMath {
    static final float LOG2_E = 1.44269504f;
    /** ln 2 in two parts, the first short enough for exact products with small integers. */
    static final float LN2_HIGH = 0.693359375f;
    static final float LN2_LOW = -2.12194440e-4f;
    static final float ROUND = 0x1.8p23f;
    static final int ROUND_BITS = 0x4b400000;

    /** Lanes moved down by so many. */
    private static final VectorShuffle<Float> BY_8 = VectorShuffle.iota(Lanes.F, Math.min(8, Lanes.COUNT / 2), 1, true);
    private static final VectorShuffle<Float> BY_4 = VectorShuffle.iota(Lanes.F, Math.min(4, Lanes.COUNT / 2), 1, true);
    private static final VectorShuffle<Float> BY_2 = VectorShuffle.iota(Lanes.F, Math.min(2, Lanes.COUNT / 2), 1, true);
    private static final VectorShuffle<Float> BY_1 = VectorShuffle.iota(Lanes.F, 1, 1, true);

    /** Coefficients of the polynomial for e to the x, by the power of x they belong to. */
    static final float EXP_7 = 1.9875691500e-4f;
    static final float EXP_6 = 1.3981999507e-3f;
    static final float EXP_5 = 8.3334519073e-3f;
    static final float EXP_4 = 4.1665795894e-2f;
    static final float EXP_3 = 1.6666665459e-1f;
    static final float EXP_2 = 5.0000001201e-1f;

    /** Between which {@link #exp} answers. */
    static final float EXP_LEAST = -87;
    static final float EXP_MOST = 88;

    /**
     * Φ(-a) · e^(a² / 2) / t is 1/2 plus u times this polynomial in u, with t = 1 / (1 + GELU_STEP · a) and u = t - 1, for a from 0 to {@link #GELU_MOST}: a fit by
     * least squares in Chebyshev's points, relatively off by 3e-8 at most. By the power they belong to.
     */
    static final float[] GELU = {0.497357099f, 0.0678503971f, -0.11665263f, 0.0229926658f, 0.0618818765f, 0.0591887182f, 0.13002218f, 0.114853585f, 0.0327018405f};
    static final float GELU_STEP = 0.4f;
    /** Beyond, x · Φ(x) is x or 0 to a float. */
    static final float GELU_MOST = 15.5f;

    private VectorMath() {}

    /** The sum of all lanes, by halves. {@code reduceLanes} leaves the order open, and takes another one once it is compiled. */
    static float sum(FloatVector x) {
        FloatVector v = x;
        if (Lanes.COUNT >= 16) {
            v = v.add(v.rearrange(BY_8));
        }
        if (Lanes.COUNT >= 8) {
            v = v.add(v.rearrange(BY_4));
        }
        if (Lanes.COUNT >= 4) {
            v = v.add(v.rearrange(BY_2));
        }
        return v.add(v.rearrange(BY_1)).lane(0);
    }

    /**
     * e to the x, within 3 units in the last place for x in -87 … 88; beyond, x counts as the end of that range.
     *
     * <p>2 to the nearest integer of x / ln 2, times a polynomial in the rest (coefficients of Cephes' {@code expf}, S. L. Moshier).
     */
    static FloatVector exp(FloatVector x) {
        FloatVector v = x.max(EXP_LEAST).min(EXP_MOST);
        FloatVector shifted = v.mul(LOG2_E).add(ROUND);
        FloatVector n = shifted.sub(ROUND);
        FloatVector r = n.fma(FloatVector.broadcast(Lanes.F, -LN2_HIGH), v);
        r = n.fma(FloatVector.broadcast(Lanes.F, -LN2_LOW), r);
        FloatVector p = exponentialTerms(r);
        p = p.fma(r.mul(r), r).add(1);
        IntVector exponent = shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23);
        return p.reinterpretAsInts().add(exponent).reinterpretAsFloats();
    }

    /**
     * x · Φ(x), within 5 units in the last place: max(x, 0) less a · Φ(-a), a being the size of x. Φ keeps its digits where it is small, as it is e^(-a² / 2) times
     * something smooth, and a² is taken with what its rounding loses.
     */
    static FloatVector gelu(FloatVector x) {
        FloatVector a = x.abs();
        // compared, since Java's minimum, which knows of NaN and of two zeros, takes several instructions
        a = a.blend(GELU_MOST, a.compare(VectorOperators.GT, GELU_MOST));
        FloatVector square = a.mul(a);
        FloatVector rest = a.fma(a, square.neg());
        FloatVector shifted = square.fma(FloatVector.broadcast(Lanes.F, -0.5f * LOG2_E), FloatVector.broadcast(Lanes.F, ROUND));
        FloatVector n = shifted.sub(ROUND);
        FloatVector r = n.fma(FloatVector.broadcast(Lanes.F, -LN2_HIGH), square.mul(-0.5f));
        r = n.fma(FloatVector.broadcast(Lanes.F, -LN2_LOW), r);
        r = rest.fma(FloatVector.broadcast(Lanes.F, -0.5f), r);
        FloatVector p = exponentialTerms(r);
        p = p.fma(r.mul(r), r);
        FloatVector smooth = smooth(a);
        // 2^n in two factors, as n goes to -173
        IntVector power = shifted.reinterpretAsInts().sub(ROUND_BITS);
        IntVector half = power.lanewise(VectorOperators.ASHR, 1);
        return x.blend(0f, x.compare(VectorOperators.LT, 0)).sub(p.fma(smooth, smooth).mul(powerOfTwo(half)).mul(powerOfTwo(power.sub(half))));
    }

    /** a · Φ(-a) · e^(a² / 2). A method of its own, since a longer one would not be inlined, and its vectors would be objects. */
    private static FloatVector smooth(FloatVector a) {
        FloatVector step = a.mul(GELU_STEP);
        FloatVector t = FloatVector.broadcast(Lanes.F, 1).div(step.add(1));
        FloatVector u = step.mul(t).neg();
        FloatVector q = FloatVector.broadcast(Lanes.F, GELU[8]);
        q = q.fma(u, FloatVector.broadcast(Lanes.F, GELU[7]));
        q = q.fma(u, FloatVector.broadcast(Lanes.F, GELU[6]));
        q = q.fma(u, FloatVector.broadcast(Lanes.F, GELU[5]));
        q = q.fma(u, FloatVector.broadcast(Lanes.F, GELU[4]));
        q = q.fma(u, FloatVector.broadcast(Lanes.F, GELU[3]));
        q = q.fma(u, FloatVector.broadcast(Lanes.F, GELU[2]));
        q = q.fma(u, FloatVector.broadcast(Lanes.F, GELU[1]));
        q = q.fma(u, FloatVector.broadcast(Lanes.F, GELU[0]));
        return q.fma(u, FloatVector.broadcast(Lanes.F, 0.5f)).mul(t).mul(a);
    }

    private static FloatVector powerOfTwo(IntVector n) {
        return n.add(127).lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats();
    }

    /** (e^r - 1 - r) / r² for r between -ln 2 / 2 and ln 2 / 2. */
    private static FloatVector exponentialTerms(FloatVector r) {
        FloatVector p = FloatVector.broadcast(Lanes.F, EXP_7);
        p = p.fma(r, FloatVector.broadcast(Lanes.F, EXP_6));
        p = p.fma(r, FloatVector.broadcast(Lanes.F, EXP_5));
        p = p.fma(r, FloatVector.broadcast(Lanes.F, EXP_4));
        p = p.fma(r, FloatVector.broadcast(Lanes.F, EXP_3));
        p = p.fma(r, FloatVector.broadcast(Lanes.F, EXP_2));
        return p;
    }

    /** x / (1 + e^-x). */
    static FloatVector silu(FloatVector x) {
        return x.div(exp(x.neg()).add(1));
    }

    /** Hyperbolic tangent, within 1e-6. */
    static FloatVector tanh(FloatVector x) {
        FloatVector e = exp(x.add(x));
        return FloatVector.broadcast(Lanes.F, 1).sub(FloatVector.broadcast(Lanes.F, 2).div(e.add(1)));
    }
}
