package dev.zhulong.model;

import dev.zhulong.tensor.Tensor;

/** Keys and values of earlier positions, one entry a layer. */
public interface KeyValues {
    /**
     * Adds this span's keys and values and gives back all of them.
     *
     * @param layer which layer
     * @param k     [batch, kv heads, seq, head dim]
     * @param v     as {@code k}
     * @return keys and values of every position so far
     */
    Pair append(int layer, Tensor k, Tensor v);

    /** Positions already held, before this forward pass. */
    int length();

    /** Keys and values together. */
    record Pair(Tensor k, Tensor v) {}
}
