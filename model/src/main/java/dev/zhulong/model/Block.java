package dev.zhulong.model;

import dev.zhulong.tensor.Tensor;

/** One layer: a function of the residual stream. */
public interface Block {
    /**
     * @param x       [batch, seq, hidden]
     * @param context positions, mask and cache of this forward pass
     * @return [batch, seq, hidden]
     */
    Tensor forward(Tensor x, Context context);
}
