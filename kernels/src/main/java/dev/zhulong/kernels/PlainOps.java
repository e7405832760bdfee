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

    /** y = (x - mean) * scale * weight + bias, from number {@code i} on. */
    static void centre(float[] x, int at, float mean, float scale, float[] weight, float[] bias, float[] y, int to, int i, int n) {
        for (; i < n; i++) {
            y[to + i] = Math.fma((x[at + i] - mean) * scale, weight[i], bias[i]);
        }
    }

    /** Of a multiple of {@link DecoderOps#STRANDS} values, in as many strands, which are added by halves. */
    static double sum(float[] x, int at, int n) {
        double[] sums = new double[DecoderOps.STRANDS];
        for (int i = at; i < at + n; i += sums.length) {
            for (int j = 0; j < sums.length; j++) {
                sums[j] += x[i + j];
            }
        }
        return halves(sums);
    }

    /** Squares of the distances from the mean, summed in the same way. */
    static double squares(float[] x, int at, int n, double mean) {
        double[] sums = new double[DecoderOps.STRANDS];
        for (int i = at; i < at + n; i += sums.length) {
            for (int j = 0; j < sums.length; j++) {
                double v = x[i + j] - mean;
                sums[j] = Math.fma(v, v, sums[j]);
            }
        }
        return halves(sums);
    }

    private static double halves(double[] sums) {
        for (int half = sums.length / 2; half > 0; half /= 2) {
            for (int j = 0; j < half; j++) {
                sums[j] += sums[j + half];
            }
        }
        return sums[0];
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
            x[i] = gelu(x[i]);
        }
    }

    private static float gelu(float x) {
        float size = Math.abs(x);
        float a = size > VectorMath.GELU_MOST ? VectorMath.GELU_MOST : size;
        float square = a * a;
        float rest = Math.fma(a, a, -square);
        float shifted = Math.fma(square, -0.5f * VectorMath.LOG2_E, VectorMath.ROUND);
        float n = shifted - VectorMath.ROUND;
        float r = Math.fma(rest, -0.5f, Math.fma(n, -VectorMath.LN2_LOW, Math.fma(n, -VectorMath.LN2_HIGH, square * -0.5f)));
        float p = Math.fma(exponentialTerms(r), r * r, r);
        float step = a * VectorMath.GELU_STEP;
        float t = 1 / (step + 1);
        float u = -(step * t);
        float q = VectorMath.GELU[VectorMath.GELU.length - 1];
        for (int i = VectorMath.GELU.length - 2; i >= 0; i--) {
            q = Math.fma(q, u, VectorMath.GELU[i]);
        }
        float smooth = Math.fma(q, u, 0.5f) * t * a;
        int power = Float.floatToRawIntBits(shifted) - VectorMath.ROUND_BITS;
        int half = power >> 1;
        return (x < 0 ? 0 : x) - Math.fma(p, smooth, smooth) * powerOfTwo(half) * powerOfTwo(power - half);
    }

    private static float powerOfTwo(int n) {
        return Float.intBitsToFloat(n + 127 << 23);
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
        float p = Math.fma(exponentialTerms(r), r * r, r) + 1;
        return Float.intBitsToFloat(Float.floatToRawIntBits(p) + (Float.floatToRawIntBits(shifted) << 23));
    }

    /** {@link VectorMath}'s. */
    private static float exponentialTerms(float r) {
        float p = Math.fma(VectorMath.EXP_7, r, VectorMath.EXP_6);
        p = Math.fma(p, r, VectorMath.EXP_5);
        p = Math.fma(p, r, VectorMath.EXP_4);
        p = Math.fma(p, r, VectorMath.EXP_3);
        return Math.fma(p, r, VectorMath.EXP_2);
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
