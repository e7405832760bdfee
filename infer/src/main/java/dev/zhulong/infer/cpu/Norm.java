package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.kernels.DecoderOps;

/** RMSNorm (Zhang and Sennrich 2019), or LayerNorm, which has a bias. */
record Norm(DecoderSpec.Norm kind, float[] weight, float[] bias, float epsilon) {
    /** A row of {@code from} to one of {@code to}; they may be the same. */
    void apply(float[] from, int at, float[] to, int target) {
        if (kind == DecoderSpec.Norm.LAYER) {
            DecoderOps.layerNorm(from, at, weight, bias, epsilon, to, target, weight.length);
        } else {
            DecoderOps.rmsNorm(from, at, weight, epsilon, to, target, weight.length);
        }
    }
}
