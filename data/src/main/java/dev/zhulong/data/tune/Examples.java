package dev.zhulong.data.tune;

import dev.zhulong.data.read.RowReport;
import java.util.List;
import java.util.Map;

/**
 * A data file, read.
 *
 * @param examples in the order of the rows
 * @param layout   of the rows, detected or fixed
 * @param columns  field to column, as found in the first rows
 * @param report   of every row, used or not
 */
public record Examples(List<ExampleRow> examples, Layout layout, Map<String, String> columns, RowReport report) { }
