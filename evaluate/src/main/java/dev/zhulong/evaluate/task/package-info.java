/**
 * Tasks: what a model is asked, from which file of rows, and what is counted. A task is a YAML file ({@link
 * dev.zhulong.evaluate.task.TaskSpec}); {@link dev.zhulong.evaluate.task.TaskRun} puts it to a model. Its one section of settings is a {@link
 * dev.zhulong.evaluate.task.Measure}, which makes the {@link dev.zhulong.evaluate.task.Scorer} that asks and counts. A jar on the class path may add scorers, each with a
 * {@link dev.zhulong.evaluate.task.ScorerProvider}.
 */
package dev.zhulong.evaluate.task;
