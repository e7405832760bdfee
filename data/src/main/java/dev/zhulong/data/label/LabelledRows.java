package dev.zhulong.data.label;

import dev.zhulong.data.read.RowReport;
import java.util.List;

/**
 * What a file of labelled rows gives.
 *
 * @param rows   in the file's order
 * @param report of every row: used, refused and why, and what was noted
 */
public record LabelledRows<T>(List<T> rows, RowReport report) {
    public LabelledRows {
        rows = List.copyOf(rows);
    }
}
