package dev.zhulong.infer.cpu;

import dev.zhulong.kernels.MatMul;
import dev.zhulong.kernels.PackedWeights;

/**
 * The latency route: our own kernels.
 *
 * @param weights one or more, of the same columns
 * @param biases  one for each, or null
 */
record KernelProjection(PackedWeights[] weights, float[][] biases) implements Projection {
    @Override
    public void apply(Products products, float[] in, int rows, float[][] out) {
        apply(products, in, rows, out, 0, null);
    }

    @Override
    public void apply(Products products, float[] in, int rows, float[][] out, int width, MatMul.Finish finish) {
        products.activations().set(in, 0, rows, weights[0].columns());
        products.matMul().multiply(products.activations(), weights, out, 0, biases, finish);
    }

    @Override
    public long bytes() {
        long bytes = 0;
        for (PackedWeights matrix : weights) {
            bytes += matrix.bytes();
        }
        return bytes;
    }
}
