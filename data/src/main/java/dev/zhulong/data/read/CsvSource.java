package dev.zhulong.data.read;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.IntStream;

/**
 * CSV and TSV, with the names of columns in the first row or without; TSV without names has no quotes either. A column without a name, such
 * as an index, is left out.
 */
final class CsvSource extends RowSource {
    private final Reader reader;
    private final CsvRecords records;
    private List<String> columns;

    CsvSource(InputStream in, char delimiter, boolean header, String id, RowReport report) throws IOException {
        super(id, report);
        reader = Encoding.reader(in, StandardCharsets.UTF_8);
        records = new CsvRecords(reader, delimiter, header, RowReader.MAX_ROW);
        if (header) {
            columns = CsvRows.header(records);
            if (TextDecoder.isGarbled(String.join("", columns))) {
                throw new IOException("not UTF-8 text; save the file as UTF-8");
            }
            String twice = CsvRows.twice(columns);
            if (twice != null) {
                throw new IOException("two columns are named '" + twice + "'; rename one of them");
            }
        }
    }

    @Override
    ObjectNode next() throws IOException {
        CsvRecords.Entry record;
        while ((record = records.next()) != null) {
            begin(number() + 1);
            String raw = String.join(",", record.cells());
            if (record.problem() != null) {
                refuse("malformed CSV", record.problem(), raw);
                continue;
            }
            if (columns == null) {
                columns = IntStream.rangeClosed(1, record.cells().size()).mapToObj(Integer::toString).toList();
            }
            if (record.cells().size() != columns.size()) {
                refuse("row with another number of columns", "expected " + columns.size() + ", found " + record.cells().size(), raw);
                continue;
            }
            if (isGarbled(raw)) {
                continue;
            }
            ObjectNode row = JsonNodeFactory.instance.objectNode();
            for (int i = 0; i < columns.size(); i++) {
                if (!columns.get(i).isEmpty()) {
                    row.put(columns.get(i), record.cells().get(i));
                }
            }
            return row;
        }
        return null;
    }

    @Override
    public void close() throws IOException {
        reader.close();
    }
}
