package dev.zhulong.train;

import dev.zhulong.tensor.DType;

/** What a training multiplies in ({@link dev.zhulong.model.Products}). Weights, gradients, moments and checkpoints are F32 in any of them. */
public enum Precision {
    /** F32. */
    FP32(DType.F32),
    /** 8 bits of precision with the range of F32. */
    BF16(DType.BF16),
    /** 11 bits of precision with a narrow range, for which gradients are scaled ({@link LossScale}). */
    FP16(DType.F16);

    private final DType type;

    Precision(DType type) {
        this.type = type;
    }

    /** Of the factors. */
    public DType type() {
        return type;
    }
}
