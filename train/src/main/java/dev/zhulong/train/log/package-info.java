/**
 * What a training run tells about itself: one line of numbers a step ({@code metrics.jsonl}), the same numbers for TensorBoard, the
 * loss chart, and the line on the terminal.
 *
 * <p>The two logs are append-only and survive {@code kill -9}; on resume from a checkpoint what was written after it is taken back,
 * so a broken and resumed run reads like an unbroken one.
 */
package dev.zhulong.train.log;
