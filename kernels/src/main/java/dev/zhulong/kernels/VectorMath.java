package dev.zhulong.kernels;

import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;

/** Elementary functions on vectors, the same bits on every machine; {@link PlainOps} has them for single numbers. */
final class VectorMath {
    static final float LOG2_E = 1.44269504f;
    /** ln 2 in two parts, the first short enough for exact products with small integers. */
    static final float LN2_HIGH = 0.693359375f;
    static final float LN2_LOW = -2.12194440e-4f;
    static final float ROUND = 0x1.8p23f;

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
     * ln(erfc(z) / t) + z² with t = 1 / (1 + z / 2), as a polynomial in {@code ERFC_SCALE · t + ERFC_SHIFT}, which runs from -1 to 1 for z from 10.4 to 0:
     * interpolated in Chebyshev's points, off by 3e-10 at most. By the power they belong to.
     */
    static final double[] ERFC = {-0.5622740888487503, 0.5737783815131566, 0.016526225066111545, -0.030016425235013394, -0.00119363396992771,
        0.0038453966895714946, -0.0002706223043458479, -0.0005803648738611798, 0.0001513781147935629, 7.450741065697713e-05, -4.098330081839357e-05,
        -5.4991764190473745e-06, 5.729179908530291e-06};
    static final double ERFC_SCALE = 31 / 13.0;
    static final double ERFC_SHIFT = -18 / 13.0;
    /** z / 2 for an x: half of x / sqrt(2). */
    static final double HALF_SQRT_HALF = 0.35355339059327373;
    /** 1 / n!, for e to the x in double. */
    static final double[] EXP = {1, 1, 1 / 2.0, 1 / 6.0, 1 / 24.0, 1 / 120.0, 1 / 720.0, 1 / 5040.0, 1 / 40_320.0, 1 / 362_880.0, 1 / 3_628_800.0};
    static final double LOG2_E_DOUBLE = 1.4426950408889634;
    static final double LN2 = 0.6931471805599453;
    static final double ROUND_DOUBLE = 0x1.8p52;
    /** Below, e to the x counts as this one's, which is nothing beside a float. */
    static final double LEAST = -700;

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
        FloatVector p = FloatVector.broadcast(Lanes.F, EXP_7);
        p = p.fma(r, FloatVector.broadcast(Lanes.F, EXP_6));
        p = p.fma(r, FloatVector.broadcast(Lanes.F, EXP_5));
        p = p.fma(r, FloatVector.broadcast(Lanes.F, EXP_4));
        p = p.fma(r, FloatVector.broadcast(Lanes.F, EXP_3));
        p = p.fma(r, FloatVector.broadcast(Lanes.F, EXP_2));
        p = p.fma(r.mul(r), r).add(1);
        IntVector exponent = shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23);
        return p.reinterpretAsInts().add(exponent).reinterpretAsFloats();
    }

    /**
     * x · Φ(x). Φ is erfc's half at -x / sqrt(2), which keeps its digits where it is small; it is within 1e-9 of itself down to where x · Φ(x) is no float.
     *
     * <p>The form of erfc with the square in the exponent is that of Numerical Recipes (Press et al., 6.2.2).
     */
    static DoubleVector gelu(DoubleVector x) {
        DoubleVector one = DoubleVector.broadcast(Lanes.D, 1);
        DoubleVector t = one.div(x.abs().fma(DoubleVector.broadcast(Lanes.D, HALF_SQRT_HALF), one));
        DoubleVector s = t.fma(DoubleVector.broadcast(Lanes.D, ERFC_SCALE), DoubleVector.broadcast(Lanes.D, ERFC_SHIFT));
        DoubleVector p = DoubleVector.broadcast(Lanes.D, ERFC[12]);
        p = p.fma(s, DoubleVector.broadcast(Lanes.D, ERFC[11]));
        p = p.fma(s, DoubleVector.broadcast(Lanes.D, ERFC[10]));
        p = p.fma(s, DoubleVector.broadcast(Lanes.D, ERFC[9]));
        p = p.fma(s, DoubleVector.broadcast(Lanes.D, ERFC[8]));
        p = p.fma(s, DoubleVector.broadcast(Lanes.D, ERFC[7]));
        p = p.fma(s, DoubleVector.broadcast(Lanes.D, ERFC[6]));
        p = p.fma(s, DoubleVector.broadcast(Lanes.D, ERFC[5]));
        p = p.fma(s, DoubleVector.broadcast(Lanes.D, ERFC[4]));
        p = p.fma(s, DoubleVector.broadcast(Lanes.D, ERFC[3]));
        p = p.fma(s, DoubleVector.broadcast(Lanes.D, ERFC[2]));
        p = p.fma(s, DoubleVector.broadcast(Lanes.D, ERFC[1]));
        p = p.fma(s, DoubleVector.broadcast(Lanes.D, ERFC[0]));
        DoubleVector half = exp(x.mul(x).fma(DoubleVector.broadcast(Lanes.D, -0.5), p)).mul(t).mul(0.5);
        return x.mul(one.sub(half).blend(half, x.compare(VectorOperators.LT, 0)));
    }

    /** e to the x for x up to 0, within 1e-11 of itself. */
    private static DoubleVector exp(DoubleVector x) {
        DoubleVector v = x.max(LEAST);
        DoubleVector shifted = v.fma(DoubleVector.broadcast(Lanes.D, LOG2_E_DOUBLE), DoubleVector.broadcast(Lanes.D, ROUND_DOUBLE));
        DoubleVector r = shifted.sub(ROUND_DOUBLE).fma(DoubleVector.broadcast(Lanes.D, -LN2), v);
        DoubleVector p = DoubleVector.broadcast(Lanes.D, EXP[10]);
        p = p.fma(r, DoubleVector.broadcast(Lanes.D, EXP[9]));
        p = p.fma(r, DoubleVector.broadcast(Lanes.D, EXP[8]));
        p = p.fma(r, DoubleVector.broadcast(Lanes.D, EXP[7]));
        p = p.fma(r, DoubleVector.broadcast(Lanes.D, EXP[6]));
        p = p.fma(r, DoubleVector.broadcast(Lanes.D, EXP[5]));
        p = p.fma(r, DoubleVector.broadcast(Lanes.D, EXP[4]));
        p = p.fma(r, DoubleVector.broadcast(Lanes.D, EXP[3]));
        p = p.fma(r, DoubleVector.broadcast(Lanes.D, EXP[2]));
        p = p.fma(r, DoubleVector.broadcast(Lanes.D, EXP[1]));
        p = p.fma(r, DoubleVector.broadcast(Lanes.D, EXP[0]));
        LongVector exponent = shifted.reinterpretAsLongs().lanewise(VectorOperators.LSHL, 52);
        return p.reinterpretAsLongs().add(exponent).reinterpretAsDoubles();
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
