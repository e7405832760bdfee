package dev.zhulong.model;

import dev.zhulong.tensor.Tensor;

/** Normalisations over the last dimension. */
final class Norms {
    private Norms() {}

    /** {@code x / √(mean(x²) + ε) · weight} (Zhang and Sennrich 2019). */
    static Tensor rms(Tensor x, Tensor weight, double epsilon) {
        return x.mul(x.square().mean(-1, true).add(epsilon).rsqrt()).mul(weight);
    }
}
