/**
 * Training of weights that stay rounded: what rounding lost is won back in the same bits. {@link dev.zhulong.compress.recover.RoundedWeights} holds what a GGUF file's blocks can say,
 * {@link dev.zhulong.compress.recover.StraightThrough} moves weights between their values.
 */
package dev.zhulong.compress.recover;
