package dev.zhulong.data.read;

import dev.hardwood.reader.RowReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** One string column of a Parquet file, row group by row group. */
final class ParquetRows {
    private ParquetRows() { }

    static void read(Path path, String id, ReadOptions options, DocumentReader reader) throws IOException {
        String field = options.field();
        try (var file = new ParquetFile(path, field)) {
            if (!file.hasText(field)) {
                reader.report().skip("no text column '" + field + "'", id + ": " + String.join(", ", file.columns()));
                return;
            }
            long row = 0;
            RowReader rows;
            while ((rows = file.next()) != null) {
                row++;
                String where = id + "#" + row;
                if (rows.isNull(field)) {
                    reader.report().skip("row without column '" + field + "'", where);
                    continue;
                }
                byte[] bytes = rows.getBinary(field);
                if (bytes.length > options.maxDocumentBytes()) {
                    reader.report().skip("row longer than " + options.maxDocumentBytes() + " bytes", where);
                    continue;
                }
                String text = reader.decoder().decode(bytes, bytes.length, StandardCharsets.UTF_8, where);
                if (text != null) {
                    reader.give(where, text);
                }
            }
            if (row == 0 && file.count() == 0) {
                reader.report().skip("no rows", id);
            } else if (row != file.count()) {
                reader.report().skip("fewer rows than promised, or none", id + ": " + row + " of " + file.count());
            }
        }
    }
}
