package dev.zhulong.data.read;

import dev.hardwood.InputFile;
import dev.hardwood.metadata.ColumnChunk;
import dev.hardwood.metadata.CompressionCodec;
import dev.hardwood.metadata.PhysicalType;
import dev.hardwood.metadata.RowGroup;
import dev.hardwood.reader.ParquetFileReader;
import dev.hardwood.reader.RowGroupPredicate;
import dev.hardwood.reader.RowReader;
import dev.hardwood.schema.ColumnProjection;
import dev.hardwood.schema.SchemaNode;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * The rows of a Parquet file, all columns or one. What the library can't read is refused by its name, and row groups without rows are passed
 * over.
 */
final class ParquetFile implements Closeable {
    /** Those whose code is on the class path. */
    private static final Set<CompressionCodec> READABLE = EnumSet.of(CompressionCodec.UNCOMPRESSED, CompressionCodec.SNAPPY, CompressionCodec.GZIP,
            CompressionCodec.ZSTD);
    /** Held so that it is not collected: the library tells at INFO which instructions it uses, which is no news to a user. */
    private static final Logger LIBRARY = Logger.getLogger("dev.hardwood");

    static {
        LIBRARY.setLevel(Level.WARNING);
    }

    private final ParquetFileReader file;
    private final String column;
    /** Row groups still to be read one by one. */
    private final ArrayDeque<RowGroup> groups = new ArrayDeque<>();
    /** Whether all are still to be read, and together. */
    private boolean whole;
    private RowReader rows;

    /**
     * @param column the only one to be read, as a dotted path, or null for all
     */
    ParquetFile(Path path, String column) throws IOException {
        this.column = column;
        try {
            file = ParquetFileReader.open(InputFile.of(path));
        } catch (RuntimeException e) {
            throw new IOException(cause(e), e);
        }
        try {
            plan();
        } catch (IOException | RuntimeException e) {
            file.close();
            throw e;
        }
    }

    private void plan() throws IOException {
        String twice = CsvRows.twice(file.getFileSchema().getRootNode().children().stream().map(SchemaNode::name).toList());
        if (twice != null) {
            throw new IOException("two columns are named '" + twice + "'; rename one of them");
        }
        List<RowGroup> all = file.getFileMetaData().rowGroups();
        for (RowGroup group : all) {
            for (ColumnChunk chunk : group.columns()) {
                CompressionCodec codec = chunk.metaData().codec();
                boolean wanted = column == null || chunk.metaData().pathInSchema().toString().equals(column);
                if (wanted && !READABLE.contains(codec)) {
                    throw new IOException("compressed with " + codec + ", which is not supported; rewrite it with ZSTD or SNAPPY");
                }
            }
            if (group.numRows() > 0) {
                groups.add(group);
            }
        }
        whole = !groups.isEmpty() && groups.size() == all.size();
        if (whole) {
            groups.clear();
        }
    }

    /** Rows that the file says it has. */
    long count() {
        return file.getFileMetaData().numRows();
    }

    /** Dotted paths of the columns. */
    List<String> columns() {
        return file.getFileSchema().getColumns().stream().map(each -> each.fieldPath().toString()).toList();
    }

    /** Whether there is a column of that dotted path that holds bytes, as text is. */
    boolean hasText(String path) {
        return file.getFileSchema().getColumns().stream()
                .anyMatch(each -> each.fieldPath().toString().equals(path) && each.type() == PhysicalType.BYTE_ARRAY);
    }

    /** The reader, on the next row; null at the end. */
    RowReader next() throws IOException {
        try {
            while (rows == null || !rows.hasNext()) {
                if (!whole && groups.isEmpty()) {
                    return null;
                }
                if (rows != null) {
                    rows.close();
                }
                var builder = file.buildRowReader();
                if (column != null) {
                    builder = builder.projection(ColumnProjection.columns(column));
                }
                if (!whole) {
                    builder = builder.filter(range(groups.poll()));
                }
                whole = false;
                rows = builder.build();
            }
            rows.next();
            return rows;
        } catch (RuntimeException e) {
            throw new IOException(cause(e), e);
        }
    }

    /** Bytes within a row group; one without rows, which the library can't read, may stand where it begins. */
    private static RowGroupPredicate range(RowGroup group) {
        long start = group.columns().stream().mapToLong(ColumnChunk::chunkStartOffset).min().orElse(0);
        long bytes = group.columns().stream().mapToLong(chunk -> chunk.metaData().totalCompressedSize()).sum();
        return RowGroupPredicate.byteRange(start + 1, start + bytes);
    }

    /** What went wrong at the bottom: the library's own message says in which of its steps. */
    private static String cause(Throwable e) {
        Throwable deepest = e;
        while (deepest.getCause() != null && deepest.getCause() != deepest) {
            deepest = deepest.getCause();
        }
        String message = deepest.getMessage() == null ? e.getMessage() : deepest.getMessage();
        return message == null ? deepest.getClass().getSimpleName() : message;
    }

    @Override
    public void close() throws IOException {
        try (file; RowReader last = rows) {
            // both are closed, the reader of rows first
        }
    }
}
