package dev.zhulong.model;

import dev.zhulong.tensor.DType;
import dev.zhulong.tensor.Tensor;

/**
 * How projections are multiplied: in F32, or with both factors, and in backward the result's gradient, rounded to 16 bits (Micikevicius et al. 2018). What stands between products
 * (attention, norms, softmax, the sums of the residual stream) is F32 in either case, and so are weights and their gradients.
 *
 * @param type  of the factors: F32, BF16 or F16
 * @param scale what a result's gradient is multiplied by before it is rounded; the gradients of both factors are divided by it in F32. A power of two, so that it
 *              changes nothing but what is too small for F16, and what is too large
 */
public record Products(DType type, double scale) {
    /** In F32. */
    public static final Products FULL = new Products(DType.F32, 1);

    /** Whether nothing is rounded. */
    public boolean areFull() {
        return type == DType.F32;
    }

    /** A factor as it is multiplied. */
    public Tensor factor(Tensor x) {
        return areFull() ? x : gradientTimes(x, 1 / scale).to(type);
    }

    /**
     * {@code x · Wᵀ + b} in F32.
     *
     * @param factor x, [.., in], as {@link #factor} gave it
     * @param weight [out, in], F32
     * @param bias   [out], or null
     */
    Tensor linear(Tensor factor, Tensor weight, Tensor bias) {
        if (areFull()) {
            return factor.linear(weight, bias);
        }
        Tensor y = gradientTimes(factor.linear(factor(weight), null).to(DType.F32), scale);
        return bias == null ? y : y.add(bias);
    }

    /** The very same values, whose gradient is multiplied. */
    private static Tensor gradientTimes(Tensor x, double times) {
        if (times == 1 || !x.requiresGrad()) {
            return x;
        }
        Tensor fixed = x.detach();
        return fixed.add(x.sub(fixed).mul(times));
    }
}
