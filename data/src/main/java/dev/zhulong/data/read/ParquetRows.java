package dev.zhulong.data.read;

import dev.hardwood.InputFile;
import dev.hardwood.metadata.PhysicalType;
import dev.hardwood.reader.ParquetFileReader;
import dev.hardwood.schema.ColumnProjection;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.logging.Level;
import java.util.logging.Logger;

/** One string column of a Parquet file, row group by row group. */
final class ParquetRows {
    /** Held so that it is not collected: the library tells at INFO which instructions it uses, which is no news to a user. */
    private static final Logger LIBRARY = Logger.getLogger("dev.hardwood");

    static {
        LIBRARY.setLevel(Level.WARNING);
    }

    private ParquetRows() { }

    /** Nothing but loading this class, which quietens the library. */
    static void quiet() { }

    static void read(Path path, String id, ReadOptions options, DocumentReader reader) throws IOException {
        String field = options.field();
        try (var file = ParquetFileReader.open(InputFile.of(path))) {
            var columns = file.getFileSchema().getColumns();
            if (columns.stream().noneMatch(c -> c.fieldPath().toString().equals(field) && c.type() == PhysicalType.BYTE_ARRAY)) {
                reader.report().skip("no text column '" + field + "'",
                        id + ": " + String.join(", ", columns.stream().map(c -> c.fieldPath().toString()).toList()));
                return;
            }
            try (var rows = file.buildRowReader().projection(ColumnProjection.columns(field)).build()) {
                long row = 0;
                while (rows.hasNext()) {
                    rows.next();
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
                if (row != file.getFileMetaData().numRows() || row == 0) {
                    reader.report().skip("fewer rows than promised, or none", id + ": " + row + " of " + file.getFileMetaData().numRows());
                }
            }
        }
    }
}
