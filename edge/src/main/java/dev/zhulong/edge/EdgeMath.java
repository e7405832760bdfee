package dev.zhulong.edge;

/** Arithmetic that Java 8 has not, or not with the same bits everywhere: what the CPU engine computes with, number by number. */
final class EdgeMath {
    private static final float LOG2_E = 1.44269504f;
    private static final float LN2_HIGH = 0.693359375f;
    private static final float LN2_LOW = -2.12194440e-4f;
    private static final float ROUND = 12582912f;
    private static final int ROUND_BITS = 0x4b400000;
    private static final float EXP_7 = 1.9875691500e-4f;
    private static final float EXP_6 = 1.3981999507e-3f;
    private static final float EXP_5 = 8.3334519073e-3f;
    private static final float EXP_4 = 4.1665795894e-2f;
    private static final float EXP_3 = 1.6666665459e-1f;
    private static final float EXP_2 = 5.0000001201e-1f;

    /** Strands that terms are summed in, as lanes of vectors are. */
    static final int STRANDS = 16;

    /** Bits of a double that a float has not: half of the last place of a float, where rounding twice may differ from rounding once. */
    private static final long TAIL = 0x1fffffffL;
    private static final long HALF = 0x10000000L;
    private static final double LEAST_NORMAL = 0x1p-126;

    private EdgeMath() {}

    /**
     * a · b + c, rounded once. The product is exact in double; the sum is rounded to double and then to float, which differs from one rounding only where the first
     * one ends on the middle between two floats: there the double is first made odd (Boldo and Melquiond 2008).
     */
    static float fma(float a, float b, float c) {
        double product = (double) a * b;
        double sum = product + c;
        if ((Double.doubleToRawLongBits(sum) & TAIL) == HALF || Math.abs(sum) < LEAST_NORMAL) {
            return (float) odd(product, c, sum);
        }
        return (float) sum;
    }

    private static double odd(double a, double b, double sum) {
        double part = sum - a;
        double error = a - (sum - part) + (b - part);
        long bits = Double.doubleToRawLongBits(sum);
        if (error == 0 || (bits & 1) != 0 || Double.isNaN(error) || Double.isInfinite(sum)) {
            return sum;
        }
        // towards the exact sum, of which sum is the even neighbour
        return Double.longBitsToDouble(error > 0 == sum > 0 ? bits + 1 : bits - 1);
    }

    /** e to the x, for x from -87 to 88 and these beyond. */
    static float exp(float x) {
        float v = Math.min(Math.max(x, -87f), 88f);
        float shifted = v * LOG2_E + ROUND;
        float n = shifted - ROUND;
        float r = fma(n, -LN2_LOW, fma(n, -LN2_HIGH, v));
        float p = fma(EXP_7, r, EXP_6);
        p = fma(p, r, EXP_5);
        p = fma(p, r, EXP_4);
        p = fma(p, r, EXP_3);
        p = fma(p, r, EXP_2);
        p = fma(p, r * r, r) + 1;
        return Float.intBitsToFloat(Float.floatToRawIntBits(p) + (Float.floatToRawIntBits(shifted) << 23));
    }

    /** The integer nearest to {@code x}, of two the even one; for numbers below 2^22. */
    static int rounded(float x) {
        return Float.floatToRawIntBits(x + ROUND) - ROUND_BITS;
    }

    static float f16(int bits) {
        int sign = (bits & 0x8000) << 16;
        int exponent = bits >> 10 & 31;
        int fraction = bits & 1023;
        if (exponent == 0) {
            float value = fraction * 0x1p-24f;
            return sign == 0 ? value : -value;
        }
        int wide = exponent == 31 ? 255 : exponent + 112;
        return Float.intBitsToFloat(sign | wide << 23 | fraction << 13);
    }

    /** The f16 nearest to {@code x}, of two the even one, as a float; 0 for numbers below 2^-14 in size. */
    static float toF16(float x) {
        if (Math.abs(x) < 0x1p-14f) {
            return 0;
        }
        int bits = Float.floatToRawIntBits(x);
        int even = bits >>> 13 & 1;
        return Float.intBitsToFloat(bits + 0xfff + even & ~0x1fff);
    }

    /** y = x / sqrt(mean(x²) + eps) · weight; squares are summed in double. {@code x} and {@code y} may be the same. */
    static void rmsNorm(float[] x, int at, float[] weight, float eps, float[] y, int to) {
        int n = weight.length;
        int whole = n / STRANDS * STRANDS;
        double[] sums = new double[STRANDS];
        for (int i = 0; i < whole; i += STRANDS) {
            for (int j = 0; j < STRANDS; j++) {
                double v = x[at + i + j];
                // a square of a float is exact in double: nothing is lost without a fused product
                sums[j] += v * v;
            }
        }
        for (int half = STRANDS / 2; half > 0; half /= 2) {
            for (int j = 0; j < half; j++) {
                sums[j] += sums[j + half];
            }
        }
        double squares = sums[0];
        for (int i = whole; i < n; i++) {
            squares += (double) x[at + i] * x[at + i];
        }
        float scale = (float) (1 / Math.sqrt(squares / n + eps));
        for (int i = 0; i < n; i++) {
            y[to + i] = x[at + i] * scale * weight[i];
        }
    }

    /** gate = silu(gate) · up. */
    static void gate(float[] gate, float[] up) {
        for (int i = 0; i < gate.length; i++) {
            gate[i] = gate[i] / (exp(-gate[i]) + 1) * up[i];
        }
    }

    /** x = softmax(x) over the first {@code n}. */
    static void softmax(float[] x, int n) {
        float largest = Float.NEGATIVE_INFINITY;
        for (int i = 0; i < n; i++) {
            largest = Math.max(largest, x[i]);
        }
        if (Float.isNaN(largest) || Float.isInfinite(largest)) {
            throw new IllegalStateException("attention's scores are no numbers: the model's weights are broken");
        }
        float[] sums = new float[STRANDS];
        for (int i = 0; i < n; i++) {
            x[i] = x[i] == Float.NEGATIVE_INFINITY ? 0 : exp(x[i] - largest);
            sums[i % STRANDS] += x[i];
        }
        for (int half = STRANDS / 2; half > 0; half /= 2) {
            for (int i = 0; i < half; i++) {
                sums[i] += sums[i + half];
            }
        }
        float inverse = 1 / sums[0];
        for (int i = 0; i < n; i++) {
            x[i] *= inverse;
        }
    }
}
