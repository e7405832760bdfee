package dev.zhulong.kernels;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * What a decoder computes between its products, a row at a time, in place or from one array to another. Nothing here allocates, and a
 * row's bits depend on that row only.
 */
public final class DecoderOps {
    private static final float SQRT_2_OVER_PI = 0.7978845608f;

    private DecoderOps() {}

    /** y = x / sqrt(mean(x²) + eps) * weight, over {@code n} values; squares are summed in double. */
    public static void rmsNorm(float[] x, int at, float[] weight, float eps, float[] y, int to, int n) {
        double squares = 0;
        for (int i = 0; i < n; i++) {
            squares += (double) x[at + i] * x[at + i];
        }
        float scale = (float) (1 / Math.sqrt(squares / n + eps));
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            FloatVector.fromArray(Lanes.F, x, at + i).mul(scale).mul(FloatVector.fromArray(Lanes.F, weight, i)).intoArray(y, to + i);
        }
        for (; i < n; i++) {
            y[to + i] = x[at + i] * scale * weight[i];
        }
    }

    /** y = (x - mean) / sqrt(variance + eps) * weight + bias, over {@code n} values; sums in double. */
    public static void layerNorm(float[] x, int at, float[] weight, float[] bias, float eps, float[] y, int to, int n) {
        double sum = 0;
        for (int i = 0; i < n; i++) {
            sum += x[at + i];
        }
        double mean = sum / n;
        double squares = 0;
        for (int i = 0; i < n; i++) {
            double d = x[at + i] - mean;
            squares += d * d;
        }
        float scale = (float) (1 / Math.sqrt(squares / n + eps));
        float centre = (float) mean;
        for (int i = 0; i < n; i++) {
            y[to + i] = Math.fma((x[at + i] - centre) * scale, weight[i], bias[i]);
        }
    }

    /** x += y, over {@code n} values. */
    public static void add(float[] x, int at, float[] y, int from, int n) {
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            FloatVector.fromArray(Lanes.F, x, at + i).add(FloatVector.fromArray(Lanes.F, y, from + i)).intoArray(x, at + i);
        }
        for (; i < n; i++) {
            x[at + i] += y[from + i];
        }
    }

    /** gate = silu(gate) * up, over {@code n} values. */
    public static void swiGlu(float[] gate, int at, float[] up, int from, int n) {
        for (int i = 0; i < n; i += Lanes.COUNT) {
            if (i + Lanes.COUNT <= n) {
                VectorMath.silu(FloatVector.fromArray(Lanes.F, gate, at + i)).mul(FloatVector.fromArray(Lanes.F, up, from + i)).intoArray(gate, at + i);
            } else {
                VectorMask<Float> rest = Lanes.F.indexInRange(i, n);
                VectorMath.silu(FloatVector.fromArray(Lanes.F, gate, at + i, rest)).mul(FloatVector.fromArray(Lanes.F, up, from + i, rest))
                        .intoArray(gate, at + i, rest);
            }
        }
    }

    /** x = gelu(x) by its tanh form (GPT-2's {@code gelu_new}), over {@code n} values. */
    public static void geluTanh(float[] x, int at, int n) {
        for (int i = 0; i < n; i += Lanes.COUNT) {
            if (i + Lanes.COUNT <= n) {
                geluTanh(FloatVector.fromArray(Lanes.F, x, at + i)).intoArray(x, at + i);
            } else {
                VectorMask<Float> rest = Lanes.F.indexInRange(i, n);
                geluTanh(FloatVector.fromArray(Lanes.F, x, at + i, rest)).intoArray(x, at + i, rest);
            }
        }
    }

    private static FloatVector geluTanh(FloatVector x) {
        FloatVector inner = x.mul(x).mul(x).fma(FloatVector.broadcast(Lanes.F, 0.044715f), x).mul(SQRT_2_OVER_PI);
        return x.mul(0.5f).mul(VectorMath.tanh(inner).add(1));
    }

    /**
     * x = softmax(x), over {@code n} values; -infinity becomes 0. Sums go in as many strands as a vector has lanes.
     *
     * @throws IllegalArgumentException when no value is above -infinity, or one is NaN or infinite
     */
    public static void softmax(float[] x, int at, int n) {
        float largest = Float.NEGATIVE_INFINITY;
        for (int i = 0; i < n; i++) {
            largest = Math.max(largest, x[at + i]);
        }
        if (!Float.isFinite(largest)) {
            throw new IllegalArgumentException("softmax over " + n + " values whose largest is " + largest + ": expected a finite one");
        }
        FloatVector sums = FloatVector.zero(Lanes.F);
        int i = 0;
        for (; i <= n - Lanes.COUNT; i += Lanes.COUNT) {
            FloatVector v = FloatVector.fromArray(Lanes.F, x, at + i);
            FloatVector e = VectorMath.exp(v.sub(largest)).blend(0f, v.compare(VectorOperators.EQ, Float.NEGATIVE_INFINITY));
            e.intoArray(x, at + i);
            sums = sums.add(e);
        }
        if (i < n) {
            VectorMask<Float> rest = Lanes.F.indexInRange(i, n);
            FloatVector v = FloatVector.fromArray(Lanes.F, x, at + i, rest);
            FloatVector e = VectorMath.exp(v.sub(largest)).blend(0f, v.compare(VectorOperators.EQ, Float.NEGATIVE_INFINITY).or(rest.not()));
            e.intoArray(x, at + i, rest);
            sums = sums.add(e);
        }
        float inverse = 1 / sums.reduceLanes(VectorOperators.ADD);
        for (int j = 0; j < n; j++) {
            x[at + j] *= inverse;
        }
    }

    /**
     * Index of the largest of {@code n} values, the first where several are equal.
     *
     * @throws IllegalArgumentException when a value is NaN
     */
    public static int argmax(float[] x, int at, int n) {
        int best = 0;
        for (int i = 0; i < n; i++) {
            float v = x[at + i];
            if (Float.isNaN(v)) {
                throw new IllegalArgumentException("value " + i + " of " + n + " is NaN: there is no largest");
            }
            if (v > x[at + best]) {
                best = i;
            }
        }
        return best;
    }
}
