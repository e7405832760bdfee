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
        }
    }
}
