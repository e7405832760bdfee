/**
 * Training: what is minimised ({@link dev.zhulong.train.Objective}), how weights move ({@link dev.zhulong.train.AdamW}), the loop
 * ({@link dev.zhulong.train.Trainer}) and what survives a crash ({@link dev.zhulong.train.Checkpoints}).
 *
 * <p>An objective gives the <em>summed</em> loss and the <em>count</em> of supervised tokens and leaves the gradient of the sum. The
 * trainer alone divides, once, by the count over everything that went into the step.
 */
package dev.zhulong.train;
