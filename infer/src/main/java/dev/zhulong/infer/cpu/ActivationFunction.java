package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec.Activation;

/** SiLU and the two GELUs, each value by itself. */
final class ActivationFunction {
    private static final double ROOT_2_OVER_PI = Math.sqrt(2 / Math.PI);

    private ActivationFunction() {}

    /** {@code up = f(gate) · up}. */
    static void gated(Activation f, float[] gate, float[] up, int at, int n) {
        for (int i = at; i < at + n; i++) {
            up[i] *= of(f, gate[i]);
        }
    }

    static void apply(Activation f, float[] x, int at, int n) {
        for (int i = at; i < at + n; i++) {
            x[i] = of(f, x[i]);
        }
    }

    private static float of(Activation f, float x) {
        return switch (f) {
            case SILU -> x / (1 + exp(-x));
            case GELU -> (float) (0.5 * x * (1 + erf(x / Math.sqrt(2))));
            case GELU_TANH -> (float) (0.5 * x * (1 + Math.tanh(ROOT_2_OVER_PI * (x + 0.044715 * x * x * x))));
        };
    }

    private static float exp(float x) {
        return (float) Math.exp(x);
    }

    /** By its series near 0, by a continued fraction (Lentz) away from it; to double's rounding. */
    static double erf(double x) {
        double a = Math.abs(x);
        if (a > 6) {
            return Math.signum(x);
        }
        if (a < 2.5) {
            double term = a;
            double sum = a;
            for (int n = 1; Math.abs(term) > 1e-17 * sum && n < 200; n++) {
                term *= -a * a / n;
                sum += term / (2 * n + 1);
            }
            return Math.signum(x) * 2 / Math.sqrt(Math.PI) * sum;
        }
        double f = 0;
        for (int k = 60; k >= 1; k--) {
            f = k / 2.0 / (a + f);
        }
        return Math.signum(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + f));
    }
}
