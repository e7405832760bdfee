package dev.zhulong.infer.cpu;

import dev.zhulong.kernels.Activations;
import dev.zhulong.kernels.DecoderOps;
import dev.zhulong.kernels.MatMul;
import dev.zhulong.kernels.PackedWeights;

/**
 * Matrices that multiply the same rows, run as one: queries, keys and values, or the two halves of a gated MLP. A bias may be null.
 *
 * @param weights one or more, of the same columns
 * @param biases  one for each
 */
record Projection(PackedWeights[] weights, float[][] biases) {
    /** Rows of {@code in} to an output each. */
    void apply(MatMul matMul, Activations in, float[][] out) {
        matMul.multiply(in, weights, out, 0);
        for (int i = 0; i < weights.length; i++) {
            if (biases[i] != null) {
                int width = weights[i].rows();
                for (int row = 0; row < in.rows(); row++) {
                    DecoderOps.add(out[i], row * width, biases[i], 0, width);
                }
            }
        }
    }
}
