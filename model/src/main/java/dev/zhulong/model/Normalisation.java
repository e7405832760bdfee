package dev.zhulong.model;

import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.tensor.Tensor;
import java.util.List;
import java.util.stream.Stream;

/**
 * Normalisation over the last dimension: RMSNorm (Zhang and Sennrich 2019) or LayerNorm (Ba et al. 2016).
 *
 * @param kind    which of them
 * @param weights [n], or [heads, n] where each head has its own; or of each head one of [n]; none where the norm has no weight
 * @param bias    as a single weight, or null
 */
record Normalisation(Norm kind, List<Weight> weights, Weight bias, double epsilon) {
    Tensor apply(Tensor x) {
        if (kind == Norm.LAYER_PLAIN) {
            return x.layerNorm(null, null, epsilon);
        }
        Tensor weight = weights.size() == 1 ? weights.getFirst().tensor() : Tensor.stack(0, weights.stream().map(Weight::tensor).toArray(Tensor[]::new));
        return switch (kind) {
            case RMS -> rms(x, weight);
            case RMS_LESS_ONE -> rms(x, weight.add(1));
            case LAYER -> layer(x, weight, bias == null ? null : bias.tensor());
            case LAYER_LESS_ONE -> layer(x, weight.add(1), bias == null ? null : bias.tensor());
            case LAYER_PLAIN -> throw new AssertionError(kind);
        };
    }

    /** {@code x / √(mean(x²) + ε) · weight}. */
    private Tensor rms(Tensor x, Tensor weight) {
        // the norm's gradient is a multiple of x, the mean of squares' takes three passes more
        return x.mul(x.norm(-1).square().mul(1.0 / x.size(-1)).add(epsilon).rsqrt()).mul(weight);
    }

    private Tensor layer(Tensor x, Tensor weight, Tensor bias) {
        if (weight.dim() == 1) {
            return x.layerNorm(weight, bias, epsilon);
        }
        Tensor scaled = x.layerNorm(null, null, epsilon).mul(weight);
        return bias == null ? scaled : scaled.add(bias);
    }

    /** The weights of norms, or none of a norm that is not there. */
    static List<Weight> weights(Normalisation... norms) {
        return Stream.of(norms).filter(n -> n != null).flatMap(n -> Stream.concat(n.weights.stream(), Stream.ofNullable(n.bias))).toList();
    }
}
