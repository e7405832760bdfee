/**
 * How far a long job is, as one stream of {@link dev.zhulong.formats.progress.Event events} that every stage of every job reports to: cleaning,
 * training, evaluation, quantization. An event is a few named numbers; {@link dev.zhulong.formats.progress.ProgressLine} makes text of them for
 * a terminal, and whatever else shows a job reads the same events.
 *
 * <p>Training has a listener of its own besides ({@code TrainListener}, which is given each step's loss, and the model when it is time for a
 * sample): it belongs to the trainer, and holds what no other job has. The console of a training turns its steps into events.
 */
package dev.zhulong.formats.progress;
