package dev.zhulong.model;

import dev.zhulong.tensor.Tensor;
import java.util.List;
import java.util.stream.Stream;

/**
 * Normalisation over the last dimension: RMSNorm (Zhang and Sennrich 2019) or LayerNorm (Ba et al. 2016).
 *
 * @param rms    whether it is RMSNorm
 * @param weight [n]
 * @param bias   [n], or null
 */
record Normalisation(boolean rms, Weight weight, Weight bias, double epsilon) {
    Tensor apply(Tensor x) {
        return rms ? rms(x, weight.tensor(), epsilon) : x.layerNorm(weight.tensor(), bias == null ? null : bias.tensor(), epsilon);
    }

    /** {@code x / √(mean(x²) + ε) · weight}. */
    private static Tensor rms(Tensor x, Tensor weight, double epsilon) {
        // the norm's gradient is a multiple of x, the mean of squares' takes three passes more
        return x.mul(x.norm(-1).square().mul(1.0 / x.size(-1)).add(epsilon).rsqrt()).mul(weight);
    }

    /** Its weights, or none of a norm that is not there. */
    static List<Weight> weights(Normalisation... norms) {
        return Stream.of(norms).filter(n -> n != null).flatMap(n -> Stream.of(n.weight, n.bias)).filter(w -> w != null).toList();
    }
}
