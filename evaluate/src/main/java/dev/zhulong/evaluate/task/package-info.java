/**
 * Tasks: what a model is asked, from which file of rows, and what is counted. A task is a YAML file ({@link
 * dev.zhulong.evaluate.task.TaskSpec}); {@link dev.zhulong.evaluate.task.TaskRun} puts it to a model.
 */
package dev.zhulong.evaluate.task;
