package dev.zhulong.model;

import dev.zhulong.tensor.Tensor;

/** Normalisations over the last dimension. */
final class Norms {
    private Norms() {}

    /** {@code x / √(mean(x²) + ε) · weight} (Zhang and Sennrich 2019). */
    static Tensor rms(Tensor x, Tensor weight, double epsilon) {
        // the norm's gradient is a multiple of x, the mean of squares' takes three passes more
        return x.mul(x.norm(-1).square().mul(1.0 / x.size(-1)).add(epsilon).rsqrt()).mul(weight);
    }
}
