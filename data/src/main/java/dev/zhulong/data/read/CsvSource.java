package dev.zhulong.data.read;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVParser;
import org.apache.commons.csv.CSVRecord;

/** CSV and TSV (RFC 4180 quoting), with the names of columns in the first row or without. */
final class CsvSource extends RowSource {
    private final CsvRows.RowLimit limit;
    private final CSVParser parser;
    private final Iterator<CSVRecord> records;
    private List<String> columns;

    CsvSource(InputStream in, char delimiter, boolean header, String id, RowReport report) throws IOException {
        super(id, report);
        limit = new CsvRows.RowLimit(new InputStreamReader(CsvRows.withoutMark(in), StandardCharsets.UTF_8), RowReader.MAX_ROW);
        parser = CSVParser.parse(limit, CSVFormat.DEFAULT.builder().setDelimiter(delimiter).setTrailingData(true).setLenientEof(true).get());
        records = parser.iterator();
        if (header && records.hasNext()) {
            columns = records.next().toList().stream().map(String::strip).toList();
        }
    }

    @Override
    ObjectNode next() {
        while (records.hasNext()) {
            CSVRecord record = records.next();
            limit.taken = 0;
            if (columns == null) {
                columns = IntStream.rangeClosed(1, record.size()).mapToObj(Integer::toString).toList();
            }
            begin(number() + 1);
            if (record.size() != columns.size()) {
                refuse("row with another number of columns", "expected " + columns.size() + ", found " + record.size(),
                        String.join(",", record.toList()));
                continue;
            }
            ObjectNode row = JsonNodeFactory.instance.objectNode();
            for (int i = 0; i < columns.size(); i++) {
                row.put(columns.get(i), record.get(i));
                if (record.get(i).indexOf('\uFFFD') >= 0) {
                    mended("holds U+FFFD, perhaps in place of malformed UTF-8");
                }
            }
            return row;
        }
        return null;
    }

    @Override
    public void close() throws IOException {
        parser.close();
    }
}
