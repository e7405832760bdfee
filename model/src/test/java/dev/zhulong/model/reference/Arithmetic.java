package dev.zhulong.model.reference;

import dev.zhulong.formats.DecoderSpec.Activation;

/** Row-wise float64 operations. */
final class Arithmetic {
    private Arithmetic() {}

    /** {@code x Wᵀ + b} with W stored [out, in]; {@code bias} may be null. */
    static double[][] linear(double[][] x, double[] weight, double[] bias, int out) {
        double[][] y = new double[x.length][out];
        for (int t = 0; t < x.length; t++) {
            int in = x[t].length;
            for (int o = 0; o < out; o++) {
                double sum = bias == null ? 0 : bias[o];
                for (int i = 0; i < in; i++) {
                    sum += weight[o * in + i] * x[t][i];
                }
                y[t][o] = sum;
            }
        }
        return y;
    }

    /** {@code x W + b} with W stored [in, out], as GPT-2's Conv1D has it. */
    static double[][] transposedLinear(double[][] x, double[] weight, double[] bias, int out) {
        double[][] y = new double[x.length][];
        for (int t = 0; t < x.length; t++) {
            y[t] = bias.clone();
            for (int i = 0; i < x[t].length; i++) {
                for (int o = 0; o < out; o++) {
                    y[t][o] += x[t][i] * weight[i * out + o];
                }
            }
        }
        return y;
    }

    static double[][] add(double[][] a, double[][] b) {
        double[][] y = new double[a.length][];
        for (int t = 0; t < a.length; t++) {
            y[t] = a[t].clone();
            for (int i = 0; i < y[t].length; i++) {
                y[t][i] += b[t][i];
            }
        }
        return y;
    }

    static double[][] rmsNorm(double[][] x, double[] weight, double epsilon) {
        double[][] y = new double[x.length][];
        for (int t = 0; t < x.length; t++) {
            y[t] = rmsNorm(x[t], 0, x[t].length, weight, epsilon);
        }
        return y;
    }

    /** {@code x / sqrt(mean(x²) + epsilon) * weight} of {@code n} values from {@code from} on. */
    static double[] rmsNorm(double[] x, int from, int n, double[] weight, double epsilon) {
        double squares = 0;
        for (int i = 0; i < n; i++) {
            squares += x[from + i] * x[from + i];
        }
        double scale = Math.sqrt(squares / n + epsilon);
        double[] y = new double[n];
        for (int i = 0; i < n; i++) {
            y[i] = x[from + i] / scale * weight[i];
        }
        return y;
    }

    /** {@code (x - mean) / sqrt(variance + epsilon) * weight + bias}, the variance over n and not n - 1. */
    static double[][] layerNorm(double[][] x, double[] weight, double[] bias, double epsilon) {
        double[][] y = new double[x.length][];
        for (int t = 0; t < x.length; t++) {
            int n = x[t].length;
            double mean = 0;
            for (double v : x[t]) {
                mean += v / n;
            }
            double variance = 0;
            for (double v : x[t]) {
                variance += (v - mean) * (v - mean) / n;
            }
            y[t] = new double[n];
            for (int i = 0; i < n; i++) {
                y[t][i] = (x[t][i] - mean) / Math.sqrt(variance + epsilon) * weight[i] + bias[i];
            }
        }
        return y;
    }

    static double activate(Activation activation, double x) {
        return switch (activation) {
            case SILU -> x / (1 + Math.exp(-x));
            case GELU -> 0.5 * x * (1 + erf(x / Math.sqrt(2)));
            case GELU_TANH -> 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
            case RELU -> Math.max(x, 0);
            case TANH -> Math.tanh(x);
            case RELU_SQUARED -> x > 0 ? x * x : 0;
            case QUICK_GELU -> x / (1 + Math.exp(-1.702 * x));
            case CLAMPED_SWIGLU -> throw new IllegalArgumentException("no function of one value");
        };
    }

    /** Maclaurin series (Abramowitz and Stegun 7.1.5); beyond 5 the value is 1 to eleven digits. */
    private static double erf(double x) {
        if (Math.abs(x) > 5) {
            return Math.signum(x);
        }
        double term = x;
        double sum = x;
        for (int n = 1; n < 150; n++) {
            term *= -x * x / n;
            sum += term / (2 * n + 1);
        }
        return 2 / Math.sqrt(Math.PI) * sum;
    }

    /**
     * Causal attention with grouped heads: query head h reads key head h / (heads / kvHeads).
     *
     * @param q      [seq][heads * d]
     * @param k      [seq][kvHeads * d]
     * @param window a query at i sees keys j with 0 ≤ i - j &lt; window; 0 for no lower end
     * @return [seq][heads * d]
     */
    static double[][] attention(double[][] q, double[][] k, double[][] v, int heads, int kvHeads, int d, int window) {
        double[][] out = new double[q.length][heads * d];
        for (int i = 0; i < q.length; i++) {
            int first = window == 0 ? 0 : Math.max(0, i - window + 1);
            for (int h = 0; h < heads; h++) {
                int kv = h / (heads / kvHeads) * d;
                double[] p = new double[i + 1];
                double max = Double.NEGATIVE_INFINITY;
                for (int j = first; j <= i; j++) {
                    for (int c = 0; c < d; c++) {
                        p[j] += q[i][h * d + c] * k[j][kv + c];
                    }
                    p[j] /= Math.sqrt(d);
                    max = Math.max(max, p[j]);
                }
                double sum = 0;
                for (int j = first; j <= i; j++) {
                    p[j] = Math.exp(p[j] - max);
                    sum += p[j];
                }
                for (int j = first; j <= i; j++) {
                    for (int c = 0; c < d; c++) {
                        out[i][h * d + c] += p[j] / sum * v[j][kv + c];
                    }
                }
            }
        }
        return out;
    }
}
