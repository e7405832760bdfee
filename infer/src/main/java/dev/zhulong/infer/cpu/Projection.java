package dev.zhulong.infer.cpu;

import dev.zhulong.kernels.Activations;
import dev.zhulong.kernels.MatMul;
import dev.zhulong.kernels.PackedWeights;

/** {@code y = W·x + b}; {@code bias} may be null. */
record Projection(PackedWeights weights, float[] bias) {
    /** Rows of {@code in} to {@code out}, which begins at 0. */
    void apply(MatMul matMul, Activations in, float[] out) {
        matMul.multiply(in, weights, out, 0);
        if (bias != null) {
            for (int row = 0, at = 0; row < in.rows(); row++) {
                for (float b : bias) {
                    out[at++] += b;
                }
            }
        }
    }

    int rows() {
        return weights.rows();
    }
}
