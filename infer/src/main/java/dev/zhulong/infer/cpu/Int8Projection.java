package dev.zhulong.infer.cpu;

import dev.zhulong.tensor.Int8Linear;

/**
 * The throughput route: int8 products of libtorch.
 *
 * @param linears one or more, of the same columns
 * @param kept    the columns in F32
 * @param biases  one for each, or null
 */
record Int8Projection(Int8Linear[] linears, int[] kept, float[][] biases) implements Projection {
    @Override
    public void apply(Products products, float[] in, int rows, float[][] out) {
        products.bytes().set(in, 0, rows, linears[0].inputs(), kept, products);
        for (int i = 0; i < linears.length; i++) {
            linears[i].multiply(products.bytes(), out[i], 0, products);
        }
        Projection.add(biases, out, rows);
    }

    @Override
    public long bytes() {
        long bytes = 0;
        for (Int8Linear linear : linears) {
            bytes += linear.bytes();
        }
        return bytes;
    }

    @Override
    public void close() {
        for (Int8Linear linear : linears) {
            if (linear != null) {
                linear.close();
            }
        }
    }
}
