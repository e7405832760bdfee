package dev.zhulong.kernels;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/** Elementary functions on vectors, the same bits on every machine. */
final class VectorMath {
    private static final float LOG2_E = 1.44269504f;
    /** ln 2 in two parts, the first short enough for exact products with small integers. */
    private static final float LN2_HIGH = 0.693359375f;
    private static final float LN2_LOW = -2.12194440e-4f;
    private static final float ROUND = 0x1.8p23f;

    private VectorMath() {}

    /**
     * e to the x, within 3 units in the last place for x in -87 … 88; beyond, x counts as the end of that range.
     *
     * <p>2 to the nearest integer of x / ln 2, times a polynomial in the rest (coefficients of Cephes' {@code expf}, S. L. Moshier).
     */
    static FloatVector exp(FloatVector x) {
        FloatVector v = x.max(-87f).min(88f);
        FloatVector shifted = v.mul(LOG2_E).add(ROUND);
        FloatVector n = shifted.sub(ROUND);
        FloatVector r = n.fma(FloatVector.broadcast(Lanes.F, -LN2_HIGH), v);
        r = n.fma(FloatVector.broadcast(Lanes.F, -LN2_LOW), r);
        FloatVector p = FloatVector.broadcast(Lanes.F, 1.9875691500e-4f);
        p = p.fma(r, FloatVector.broadcast(Lanes.F, 1.3981999507e-3f));
        p = p.fma(r, FloatVector.broadcast(Lanes.F, 8.3334519073e-3f));
        p = p.fma(r, FloatVector.broadcast(Lanes.F, 4.1665795894e-2f));
        p = p.fma(r, FloatVector.broadcast(Lanes.F, 1.6666665459e-1f));
        p = p.fma(r, FloatVector.broadcast(Lanes.F, 5.0000001201e-1f));
        p = p.fma(r.mul(r), r).add(1);
        IntVector exponent = shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23);
        return p.reinterpretAsInts().add(exponent).reinterpretAsFloats();
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
