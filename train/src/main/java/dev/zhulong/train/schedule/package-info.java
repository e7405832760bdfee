/**
 * Learning rate as a pure function of the optimizer step.
 *
 * <p>A schedule counts optimizer steps, never micro-batches, ranks or epochs, so the same recipe gives the same learning rates
 * whatever the gradient accumulation and however many processes share the work. A schedule has no state: a resumed run asks for
 * the step it is at.
 */
package dev.zhulong.train.schedule;
