package dev.zhulong.data.read;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.github.luben.zstd.ZstdInputStream;
import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.compressors.bzip2.BZip2CompressorInputStream;

/**
 * Reads a file of rows, each with all its fields, in the file's order.
 *
 * <pre>{@code
 * var report = new RowReport();
 * RowReader.read(Path.of("train.jsonl.gz"), true, report, row -> ...);
 * }</pre>
 *
 * <p>By name: {@code .jsonl .ndjson}; {@code .json} (an array of objects, an object whose {@code data} is one, or one object a line);
 * {@code .csv .tsv}; {@code .parquet}, nested columns included; {@code .txt .md}, the whole file as field {@code text} of one row; all but
 * Parquet also as {@code .gz .zst .bz2}. Text is UTF-8, or UTF-16 or UTF-32 as its first bytes say. Strings come well-formed: line ends are
 * {@code \n}, NUL is gone, lone surrogates are U+FFFD, and the {@link RowReport} says so. A row that can't be read is refused there and the
 * next one follows; only a file that is missing or of no known format is an error.
 */
public final class RowReader {
    /** Longest row, in bytes. */
    static final int MAX_ROW = 16 << 20;

    private static final int MAX_RATIO = 400;

    private RowReader() { }

    /**
     * One row.
     *
     * @param where  file name and row number, {@code train.jsonl#12}
     * @param number of the row in its file, from 1, refused ones included; in JSON Lines the line
     * @param fields by name; of CSV and TSV every value is text
     */
    public record Row(String where, long number, ObjectNode fields) { }

    /**
     * Gives every readable row to {@code consumer}, whose exceptions end the reading and are thrown on.
     *
     * @param header whether CSV and TSV begin with the names of their columns; otherwise these are {@code 1}, {@code 2}, ..., and
     *               between tabs a quote is a character like any other
     * @throws IllegalArgumentException where the file is missing or of no known format
     */
    public static void read(Path file, boolean header, RowReport report, Consumer<Row> consumer) {
        requireFile(file);
        String id = file.getFileName().toString();
        String name = id.toLowerCase(Locale.ROOT);
        String plain = name.replaceAll("\\.(gz|zst|bz2)$", "");
        if (!plain.matches(".*\\.(jsonl|ndjson|json|csv|tsv|txt|md)") && !name.endsWith(".parquet")) {
            throw new IllegalArgumentException(file + ": unknown format; expected .jsonl, .json, .csv, .tsv, .txt (also with .gz, .zst or"
                    + " .bz2) or .parquet");
        }
        try (RowSource source = name.endsWith(".parquet") ? new ParquetSource(file, id, report) : open(file, plain, id, header, report)) {
            Row row;
            while ((row = source.row()) != null) {
                consumer.accept(row);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(file + ": cannot be read: " + RowSource.why(e), e);
        }
    }

    /**
     * Gives every sentence of a CoNLL file, whatever its name, to {@code consumer}, as rows with the fields {@code tokens} and {@code tags}, lists of equal
     * length; the row's number is the line of its first word. A sentence with a line that can't be read is refused.
     *
     * @param word number of the words' column, from 1
     * @param tag  number of the tags' column, from 1, or its name in a line {@code # global.columns = ...}; empty for the last
     * @throws IllegalArgumentException where the file is missing
     */
    public static void readConll(Path file, int word, String tag, RowReport report, Consumer<Row> consumer) {
        requireFile(file);
        try (InputStream in = stream(file); RowSource source = new ConllSource(in, word, tag, file.getFileName().toString(), report)) {
            Row row;
            while ((row = source.row()) != null) {
                consumer.accept(row);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(file + ": cannot be read: " + RowSource.why(e), e);
        }
    }

    private static void requireFile(Path file) {
        if (!Files.isRegularFile(file)) {
            throw new IllegalArgumentException(file + (Files.isDirectory(file) ? " is a directory; name a file of rows" : ": no such file"));
        }
    }

    private static RowSource open(Path file, String plain, String id, boolean header, RowReport report) throws IOException {
        InputStream in = stream(file);
        try {
            return open(in, plain.substring(plain.lastIndexOf('.') + 1), id, header, report);
        } catch (IOException | RuntimeException e) {
            in.close();
            throw e;
        }
    }

    private static RowSource open(InputStream in, String ending, String id, boolean header, RowReport report) throws IOException {
        return switch (ending) {
            case "csv" -> new CsvSource(in, ',', header, id, report);
            case "tsv" -> new CsvSource(in, '\t', header, id, report);
            case "txt", "md" -> new TextSource(in, id, report);
            case "json" -> {
                InputStream utf8 = Encoding.utf8(in);
                byte[] head = utf8.readNBytes(MAX_ROW);
                yield JsonShape.of(head).source(new SequenceInputStream(new ByteArrayInputStream(head), utf8), id, report);
            }
            default -> new JsonLinesSource(Encoding.utf8(in), id, report);
        };
    }

    private static InputStream stream(Path file) throws IOException {
        InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 16);
        try {
            String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
            InputStream unpacked = name.endsWith(".gz") ? new GZIPInputStream(in, 1 << 16) : name.endsWith(".zst") ? new ZstdInputStream(in)
                    : name.endsWith(".bz2") ? new BZip2CompressorInputStream(in, true) : null;
            long size = Files.size(file);
            return unpacked == null ? in : new LimitedStream(unpacked, () -> size, MAX_RATIO);
        } catch (IOException | RuntimeException e) {
            in.close();
            throw e;
        }
    }

    /** A text file: one row. */
    private static final class TextSource extends RowSource {
        private final InputStream in;
        private boolean given;

        TextSource(InputStream in, String id, RowReport report) {
            super(id, report);
            this.in = in;
        }

        @Override
        ObjectNode next() throws IOException {
            if (given) {
                return null;
            }
            given = true;
            begin(1);
            byte[] bytes = in.readAllBytes();
            if (TextDecoder.isBinary(bytes, bytes.length)) {
                refuse("binary file", "", "");
                return null;
            }
            var marked = Encoding.marked(bytes, bytes.length);
            String text = decoder().decode(bytes, bytes.length, marked == null ? StandardCharsets.UTF_8 : marked, where());
            return text == null ? next() : JsonNodeFactory.instance.objectNode().put("text", text);
        }

        @Override
        public void close() throws IOException {
            in.close();
        }
    }
}
