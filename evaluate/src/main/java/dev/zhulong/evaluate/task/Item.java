package dev.zhulong.evaluate.task;

import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * A row of a task.
 *
 * @param id    its place, unique within the task: {@code test.jsonl#12}
 * @param group subject or the like; empty for none
 * @param row   its fields
 * @param file  name of its file, without the ending
 */
public record Item(String id, String group, ObjectNode row, String file) {}
