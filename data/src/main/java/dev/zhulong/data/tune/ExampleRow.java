package dev.zhulong.data.tune;

/**
 * An example and where it comes from.
 *
 * @param source name of its data source, by which a mixture's tasks are told apart
 * @param where  file and row, {@code train.jsonl#12}
 * @param row    number of the row in its file, from 1
 */
public record ExampleRow(String source, String where, long row, Example example) { }
