package dev.zhulong.infer.cpu;

import dev.zhulong.kernels.DecoderOps;
import dev.zhulong.kernels.MatMul;

/** Matrices that multiply the same rows, run as one: queries, keys and values, or the two halves of a gated MLP. */
interface Projection extends AutoCloseable {
    /** Rows of {@code in}, the first at 0, to an output each. */
    void apply(Products products, float[] in, int rows, float[][] out);

    /**
     * The same, and what is made of outputs.
     *
     * @param width numbers in a row of an output
     */
    default void apply(Products products, float[] in, int rows, float[][] out, int width, MatMul.Finish finish) {
        apply(products, in, rows, out);
        for (float[] each : out) {
            products.run(row -> finish.apply(each, row * width, 1, width, width), rows);
        }
    }

    /** Bytes the weights take. */
    long bytes();

    @Override
    default void close() {}

    /** Adds biases, of which each may be null, to rows of outputs. */
    static void add(float[][] biases, float[][] out, int rows) {
        for (int i = 0; i < biases.length; i++) {
            if (biases[i] != null) {
                int width = biases[i].length;
                for (int row = 0; row < rows; row++) {
                    DecoderOps.add(out[i], row * width, biases[i], 0, width);
                }
            }
        }
    }
}
