package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec;

/** RMSNorm (Zhang and Sennrich 2019) or LayerNorm of rows; sums in double, in order, so that they do not depend on vectors. */
record Norm(DecoderSpec.Norm kind, float[] weight, float[] bias, double epsilon) {
    /** A row of {@code from} to one of {@code to}; they may be the same. */
    void apply(float[] from, int at, float[] to, int target) {
        int n = weight.length;
        double mean = 0;
        if (kind == DecoderSpec.Norm.LAYER) {
            mean = sum(from, at, n) / n;
        }
        double squares = squares(from, at, n, mean);
        float scale = (float) (1 / Math.sqrt(squares / n + epsilon));
        float shift = (float) mean;
        if (kind == DecoderSpec.Norm.LAYER) {
            for (int i = 0; i < n; i++) {
                to[target + i] = (from[at + i] - shift) * scale * weight[i] + bias[i];
            }
            return;
        }
        for (int i = 0; i < n; i++) {
            to[target + i] = from[at + i] * scale * weight[i];
        }
    }

    private static double sum(float[] x, int at, int n) {
        double a = 0;
        double b = 0;
        double c = 0;
        double d = 0;
        int i = 0;
        for (; i + 3 < n; i += 4) {
            a += x[at + i];
            b += x[at + i + 1];
            c += x[at + i + 2];
            d += x[at + i + 3];
        }
        for (; i < n; i++) {
            a += x[at + i];
        }
        return a + b + (c + d);
    }

    private static double squares(float[] x, int at, int n, double mean) {
        double a = 0;
        double b = 0;
        double c = 0;
        double d = 0;
        int i = 0;
        for (; i + 3 < n; i += 4) {
            double v0 = x[at + i] - mean;
            double v1 = x[at + i + 1] - mean;
            double v2 = x[at + i + 2] - mean;
            double v3 = x[at + i + 3] - mean;
            a += v0 * v0;
            b += v1 * v1;
            c += v2 * v2;
            d += v3 * v3;
        }
        for (; i < n; i++) {
            a += (x[at + i] - mean) * (x[at + i] - mean);
        }
        return a + b + (c + d);
    }
}
