package dev.zhulong.model;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.tensor.Tensor;

/** Activation functions by name. */
final class Activations {
    private Activations() {}

    static Tensor apply(DecoderSpec.Activation activation, Tensor x) {
        return switch (activation) {
            case SILU -> x.silu();
            case GELU -> x.gelu(false);
            case GELU_TANH -> x.gelu(true);
            case RELU -> x.relu();
            case TANH -> x.tanh();
        };
    }
}
