package dev.zhulong.data.read;

import java.io.IOException;
import java.io.InputStream;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;

/** CSV and TSV with a header row; one column is the text. */
final class CsvRows {
    private CsvRows() { }

    static void read(InputStream in, char delimiter, String id, ReadOptions options, DocumentReader reader) throws IOException {
        var records = new CsvRecords(Encoding.reader(in, options.charset()), delimiter, true, options.maxDocumentBytes());
        List<String> columns = header(records);
        int column = column(columns, options.field());
        if (column < 0) {
            reader.report().skip("no column '" + options.field() + "'", id + ": " + String.join(", ", columns));
            return;
        }
        if (Collections.frequency(columns, columns.get(column)) > 1) {
            reader.report().skip("two columns are named '" + columns.get(column) + "'", id);
            return;
        }
        CsvRecords.Entry record;
        long row = 0;
        while ((record = records.next()) != null) {
            row++;
            String where = id + "#" + row;
            if (record.problem() != null) {
                reader.report().skip("unreadable", where + ": " + record.problem());
                continue;
            }
            if (record.cells().size() <= column) {
                reader.report().skip("row without column '" + options.field() + "'", where);
                continue;
            }
            String text = record.cells().get(column);
            if (TextDecoder.isGarbled(text)) {
                reader.report().skip("not " + options.charset().name() + " text", where);
                continue;
            }
            if (text.indexOf('\uFFFD') >= 0) {
                reader.report().repair("malformed " + options.charset().name() + " replaced by U+FFFD", where);
            }
            reader.give(where, reader.decoder().tidy(text, where));
        }
        if (row == 0) {
            reader.report().skip("no rows", id);
        }
    }

    /** The names of the columns, white space around them taken off. */
    static List<String> header(CsvRecords records) throws IOException {
        CsvRecords.Entry first = records.next();
        if (first != null && first.problem() != null) {
            throw new IOException("the row of column names: " + first.problem());
        }
        return first == null ? List.of() : first.cells().stream().map(String::strip).toList();
    }

    /** A name that two columns have, or null; columns without a name don't count. */
    static String twice(List<String> columns) {
        var seen = new HashSet<String>();
        return columns.stream().filter(name -> !name.isEmpty() && !seen.add(name)).findFirst().orElse(null);
    }

    /** The column of that name, else the one that differs in case only, else -1. */
    private static int column(List<String> columns, String name) {
        int exact = columns.indexOf(name);
        for (int i = 0; exact < 0 && i < columns.size(); i++) {
            if (columns.get(i).equalsIgnoreCase(name)) {
                return i;
            }
        }
        return exact;
    }
}
