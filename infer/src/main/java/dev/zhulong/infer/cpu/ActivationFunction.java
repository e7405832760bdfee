package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.kernels.DecoderOps;

/** Activations on the kernels. */
final class ActivationFunction {
    private ActivationFunction() {}

    /** In place, over {@code n} values. */
    static void apply(Activation activation, float[] x, int at, int n) {
        switch (activation) {
            case SILU -> DecoderOps.silu(x, at, n);
            case GELU -> DecoderOps.gelu(x, at, n);
            case GELU_TANH -> DecoderOps.geluTanh(x, at, n);
            case RELU -> DecoderOps.relu(x, at, n);
            case TANH -> DecoderOps.tanh(x, at, n);
            case RELU_SQUARED -> {
                DecoderOps.relu(x, at, n);
                DecoderOps.multiply(x, at, x, at, n);
            }
            case QUICK_GELU -> quickGelu(x, at, n);
            case CLAMPED_SWIGLU -> throw new IllegalArgumentException("a clamped SwiGLU needs a gate: this MLP has none");
        }
    }

    /** By SiLU, {@code x·σ(s·x) = silu(s·x) / s}. */
    private static void quickGelu(float[] x, int at, int n) {
        float steepness = (float) Activation.STEEPNESS;
        for (int i = at; i < at + n; i++) {
            x[i] *= steepness;
        }
        DecoderOps.silu(x, at, n);
        for (int i = at; i < at + n; i++) {
            x[i] /= steepness;
        }
    }

    /** In place, over {@code n} values of each of some rows, which begin {@code stride} apart. */
    static void apply(Activation activation, float[] x, int at, int rows, int stride, int n) {
        if (activation == Activation.GELU) {
            DecoderOps.gelu(x, at, rows, stride, n);
            return;
        }
        for (int row = 0; row < rows; row++) {
            apply(activation, x, at + row * stride, n);
        }
    }

    /** What the activation makes of a gate and a way up, over {@code n} values, in place of the gate. */
    static void gated(Activation activation, float[] gate, float[] up, int at, int n) {
        if (activation == Activation.CLAMPED_SWIGLU) {
            clampedSwiglu(gate, up, at, n);
        } else {
            apply(activation, gate, at, n);
            DecoderOps.multiply(gate, at, up, at, n);
        }
    }

    /** By SiLU, {@code g·σ(s·g) = silu(s·g) / s}. */
    private static void clampedSwiglu(float[] gate, float[] up, int at, int n) {
        float steepness = (float) Activation.STEEPNESS;
        float limit = (float) Activation.LIMIT;
        for (int i = at; i < at + n; i++) {
            gate[i] = steepness * Math.min(gate[i], limit);
        }
        DecoderOps.silu(gate, at, n);
        for (int i = at; i < at + n; i++) {
            gate[i] *= (Math.max(-limit, Math.min(up[i], limit)) + 1) / steepness;
        }
    }
}
