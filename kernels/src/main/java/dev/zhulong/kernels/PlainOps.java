package dev.zhulong.kernels;

/** What {@link DecoderOps} and {@link VectorMath} compute on vectors, number by number and bit for bit the same. */
final class PlainOps {
    private PlainOps() {}

    /** y = x * scale * weight, from number {@code i} on. */
    static void scale(float[] x, int at, float[] weight, float scale, float[] y, int to, int i, int n) {
        for (; i < n; i++) {
            y[to + i] = x[at + i] * scale * weight[i];
        }
    }

    /** x *= y, from number {@code i} on. */
    static void multiply(float[] x, int at, float[] y, int from, int i, int n) {
        for (; i < n; i++) {
            x[at + i] *= y[from + i];
        }
    }

    /** x += y, from number {@code i} on. */
    static void add(float[] x, int at, float[] y, int from, int i, int n) {
        for (; i < n; i++) {
            x[at + i] += y[from + i];
        }
    }

    static void silu(float[] x, int at, int n) {
        for (int i = at; i < at + n; i++) {
            x[i] = x[i] / (exp(-x[i]) + 1);
        }
    }

    static void geluTanh(float[] x, int at, int n) {
        for (int i = at; i < at + n; i++) {
            float v = x[i];
            float inner = Math.fma(v * v * v, DecoderOps.GELU_CUBIC, v) * DecoderOps.SQRT_2_OVER_PI;
            x[i] = v * 0.5f * (tanh(inner) + 1);
        }
    }

    /** {@link VectorMath#gelu}. */
    static void gelu(float[] x, int at, int n) {
        for (int i = at; i < at + n; i++) {
            double v = x[i];
            double t = 1 / Math.fma(Math.abs(v), VectorMath.HALF_SQRT_HALF, 1);
            double s = Math.fma(t, VectorMath.ERFC_SCALE, VectorMath.ERFC_SHIFT);
            double half = exp(Math.fma(v * v, -0.5, polynomial(VectorMath.ERFC, s))) * t * 0.5;
            x[i] = (float) (v * (v < 0 ? half : 1 - half));
        }
    }

    private static double exp(double x) {
        double v = Math.max(x, VectorMath.LEAST);
        double shifted = Math.fma(v, VectorMath.LOG2_E_DOUBLE, VectorMath.ROUND_DOUBLE);
        double r = Math.fma(shifted - VectorMath.ROUND_DOUBLE, -VectorMath.LN2, v);
        return Double.longBitsToDouble(Double.doubleToRawLongBits(polynomial(VectorMath.EXP, r)) + (Double.doubleToRawLongBits(shifted) << 52));
    }

    /** By Horner's scheme, coefficients by their power. */
    private static double polynomial(double[] coefficients, double x) {
        double p = coefficients[coefficients.length - 1];
        for (int i = coefficients.length - 2; i >= 0; i--) {
            p = Math.fma(p, x, coefficients[i]);
        }
        return p;
    }

    /** The largest value; NaN where one is. */
    static float highest(float[] x, int at, int n) {
        float largest = Float.NEGATIVE_INFINITY;
        for (int i = 0; i < n; i++) {
            largest = Math.max(largest, x[at + i]);
        }
        return largest;
    }

    /** x = e^(x - largest), 0 for -infinity; returns the sum, which goes in {@link DecoderOps#STRANDS}. */
    static float exponentials(float[] x, int at, int n, float largest) {
        float[] sums = new float[DecoderOps.STRANDS];
        for (int i = 0; i < n; i++) {
            x[at + i] = exponential(x[at + i], largest);
            sums[i % sums.length] += x[at + i];
        }
        for (int half = sums.length / 2; half > 0; half /= 2) {
            for (int i = 0; i < half; i++) {
                sums[i] += sums[i + half];
            }
        }
        return sums[0];
    }

    /** e^(x - largest), 0 for -infinity. */
    static float exponential(float x, float largest) {
        return x == Float.NEGATIVE_INFINITY ? 0 : exp(x - largest);
    }

    /** {@link VectorMath#exp}. */
    static float exp(float x) {
        float v = Math.min(Math.max(x, VectorMath.EXP_LEAST), VectorMath.EXP_MOST);
        float shifted = v * VectorMath.LOG2_E + VectorMath.ROUND;
        float n = shifted - VectorMath.ROUND;
        float r = Math.fma(n, -VectorMath.LN2_LOW, Math.fma(n, -VectorMath.LN2_HIGH, v));
        float p = Math.fma(VectorMath.EXP_7, r, VectorMath.EXP_6);
        p = Math.fma(p, r, VectorMath.EXP_5);
        p = Math.fma(p, r, VectorMath.EXP_4);
        p = Math.fma(p, r, VectorMath.EXP_3);
        p = Math.fma(p, r, VectorMath.EXP_2);
        p = Math.fma(p, r * r, r) + 1;
        return Float.intBitsToFloat(Float.floatToRawIntBits(p) + (Float.floatToRawIntBits(shifted) << 23));
    }

    private static float tanh(float x) {
        return 1 - 2 / (exp(x + x) + 1);
    }

    /** The largest absolute value of {@code n}, NaN if one is: compared as integers, whose order is the same without a sign. */
    static float largest(float[] x, int at, int n) {
        int largest = 0;
        for (int i = at; i < at + n; i++) {
            largest = Math.max(largest, Float.floatToRawIntBits(x[i]) & Integer.MAX_VALUE);
        }
        return Float.intBitsToFloat(largest);
    }

    /** The integer nearest to {@code x * inverse}, of two the even one. */
    static int rounded(float x, float inverse) {
        return Float.floatToRawIntBits(x * inverse + Activations.ROUND) - Activations.ROUND_BITS;
    }
}
