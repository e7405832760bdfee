package dev.zhulong.kernels;

import java.util.Arrays;
import java.util.Objects;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** {@code x = cap · tanh(x / cap)}, which holds scores and logits under a cap (Gemma 2); to some units in the last place, whatever the cap. */
public final class Softcap {
    /** Beyond, tanh comes from e to the x; nearer to zero that would lose digits, and a polynomial keeps them (Cephes' {@code tanhf}, S. L. Moshier). */
    private static final float FAR = 0.625f;
    private static final float P4 = -5.70498872745e-3f;
    private static final float P3 = 2.06390887954e-2f;
    private static final float P2 = -5.37397155531e-2f;
    private static final float P1 = 1.33314422036e-1f;
    private static final float P0 = -3.33332819422e-1f;

    private static final Warmth WARMTH = new Warmth(Softcap::exercise);
    private static final int EXERCISED = 1024;
    private static final double ENOUGH_NANOS = 20_000;

    private Softcap() {}

    private static void exercise() {
        float[] x = new float[EXERCISED];
        Warmth.repeat(ENOUGH_NANOS, () -> {
            Arrays.fill(x, 30);
            vectorApply(x, 0, EXERCISED, 20);
        });
    }

    /** In place, over {@code n} values. */
    public static void apply(float[] x, int at, int n, float cap) {
        Objects.checkFromIndexSize(at, n, x.length);
        if (WARMTH.isWarm()) {
            vectorApply(x, at, n, cap);
        } else {
            plainApply(x, at, n, cap);
        }
    }

    private static void vectorApply(float[] x, int at, int n, float cap) {
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            tanh(FloatVector.fromArray(Lanes.F, x, at + i).div(cap)).mul(cap).intoArray(x, at + i);
        }
        plainApply(x, at + i, n - i, cap);
    }

    private static FloatVector tanh(FloatVector x) {
        FloatVector square = x.mul(x);
        FloatVector p = FloatVector.broadcast(Lanes.F, P4);
        p = p.fma(square, FloatVector.broadcast(Lanes.F, P3));
        p = p.fma(square, FloatVector.broadcast(Lanes.F, P2));
        p = p.fma(square, FloatVector.broadcast(Lanes.F, P1));
        p = p.fma(square, FloatVector.broadcast(Lanes.F, P0));
        FloatVector near = p.mul(square).fma(x, x);
        FloatVector size = x.abs();
        FloatVector far = FloatVector.broadcast(Lanes.F, 1).sub(FloatVector.broadcast(Lanes.F, 2).div(VectorMath.exp(size.add(size)).add(1)));
        far = far.blend(far.neg(), x.compare(VectorOperators.LT, 0));
        return near.blend(far, size.compare(VectorOperators.GE, FAR));
    }

    /** The same bits, number by number. */
    private static void plainApply(float[] x, int at, int n, float cap) {
        for (int i = at; i < at + n; i++) {
            x[i] = tanh(x[i] / cap) * cap;
        }
    }

    private static float tanh(float x) {
        float size = Math.abs(x);
        if (size >= FAR) {
            float far = 1 - 2 / (PlainOps.exp(size + size) + 1);
            return x < 0 ? -far : far;
        }
        float square = x * x;
        float p = Math.fma(Math.fma(Math.fma(Math.fma(P4, square, P3), square, P2), square, P1), square, P0);
        return Math.fma(p * square, x, x);
    }
}
