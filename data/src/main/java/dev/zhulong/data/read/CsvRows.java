package dev.zhulong.data.read;

import java.io.FilterReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PushbackInputStream;
import java.io.Reader;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVParser;
import org.apache.commons.csv.CSVRecord;
import org.apache.commons.csv.DuplicateHeaderMode;

/** CSV and TSV with a header row (RFC 4180 quoting); one column is the text. */
final class CsvRows {
    private CsvRows() { }

    static void read(InputStream in, char delimiter, String id, ReadOptions options, DocumentReader reader) throws IOException {
        var format = CSVFormat.DEFAULT.builder().setDelimiter(delimiter).setHeader().setSkipHeaderRecord(true)
                .setDuplicateHeaderMode(DuplicateHeaderMode.ALLOW_ALL).setAllowMissingColumnNames(true)
                .setTrailingData(true).setLenientEof(true).get();
        var rows = new RowLimit(new InputStreamReader(withoutMark(in), options.charset()), options.maxDocumentBytes());
        try (CSVParser parser = CSVParser.parse(rows, format)) {
            if (!parser.getHeaderMap().containsKey(options.field())) {
                reader.report().skip("no column '" + options.field() + "'", id + ": " + String.join(", ", parser.getHeaderNames()));
                return;
            }
            boolean any = false;
            for (CSVRecord row : parser) {
                any = true;
                rows.taken = 0;
                String where = id + "#" + row.getRecordNumber();
                if (!row.isSet(options.field())) {
                    reader.report().skip("row without column '" + options.field() + "'", where);
                    continue;
                }
                String text = row.get(options.field());
                if (text.indexOf('\uFFFD') >= 0) {
                    reader.report().repair("malformed " + options.charset().name() + " replaced by U+FFFD", where);
                }
                reader.give(where, reader.decoder().tidy(text, where));
            }
            if (!any) {
                reader.report().skip("no rows", id);
            }
        }
    }

    static InputStream withoutMark(InputStream in) throws IOException {
        var back = new PushbackInputStream(in, 3);
        byte[] head = back.readNBytes(3);
        boolean mark = head.length == 3 && (head[0] & 0xff) == 0xef && (head[1] & 0xff) == 0xbb && (head[2] & 0xff) == 0xbf;
        if (!mark) {
            back.unread(head);
        }
        return back;
    }

    /** A quote that is never closed would otherwise swallow the rest of the file into one cell. */
    static final class RowLimit extends FilterReader {
        private final int max;
        long taken;

        RowLimit(Reader in, int max) {
            super(in);
            this.max = max;
        }

        @Override
        public int read() throws IOException {
            taken++;
            check();
            return super.read();
        }

        @Override
        public int read(char[] buffer, int offset, int length) throws IOException {
            int n = super.read(buffer, offset, length);
            taken += Math.max(n, 0);
            check();
            return n;
        }

        private void check() throws IOException {
            if (taken > max + 16384L) {
                throw new IOException("row longer than " + max + " characters, perhaps a quote that is never closed; the rest is not read");
            }
        }
    }
}
