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
            case RELU_SQUARED -> x.relu().square();
            case QUICK_GELU -> x.mul(x.mul(DecoderSpec.Activation.STEEPNESS).sigmoid());
            case CLAMPED_SWIGLU -> throw new IllegalArgumentException("a clamped SwiGLU needs a gate: this MLP has none");
        };
    }

    /** What the activation makes of an MLP's gate and its way up. */
    static Tensor gated(DecoderSpec.Activation activation, Tensor gate, Tensor up) {
        if (activation == DecoderSpec.Activation.CLAMPED_SWIGLU) {
            Tensor low = gate.clamp(Double.NEGATIVE_INFINITY, DecoderSpec.Activation.LIMIT);
            Tensor near = up.clamp(-DecoderSpec.Activation.LIMIT, DecoderSpec.Activation.LIMIT);
            return low.mul(low.mul(DecoderSpec.Activation.STEEPNESS).sigmoid()).mul(near.add(1));
        }
        return apply(activation, gate).mul(up);
    }
}
