package dev.zhulong.recipe;

/** What {@code train.precision} may say: one of {@link dev.zhulong.train.Precision}, or to measure which of fp32 and bf16 is faster. */
public enum TrainPrecision { FP32, BF16, FP16, AUTO }
