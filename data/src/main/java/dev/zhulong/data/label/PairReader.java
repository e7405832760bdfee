package dev.zhulong.data.label;

import dev.zhulong.data.read.RowReader;
import dev.zhulong.data.read.RowReport;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Reads pairs of texts from any file of rows: CSV with a header, JSON Lines, JSON, Parquet, and TSV, whose first two columns they are unless its first
 * line names them.
 */
public final class PairReader {
    /** What the columns are called where nothing else is said. */
    public static final String SOURCE = "source";
    public static final String TARGET = "target";

    private PairReader() {}

    /**
     * Every row of a file that has both.
     *
     * @param source column of the text that is read; in TSV without a header also its number, from 1
     * @param target column of the text that is to be written
     * @throws IllegalArgumentException where the file is missing, of no known format, has no such column, or no row that can be used
     */
    public static LabelledRows<TextPair> read(Path file, String source, String target) {
        String name = file.getFileName().toString().toLowerCase(Locale.ROOT).replaceAll("\\.(gz|zst|bz2)$", "");
        boolean named = !name.endsWith(".tsv") || firstLineNames(file, source, target);
        boolean usual = source.equals(SOURCE) && target.equals(TARGET);
        String from = named || !usual ? source : "1";
        String to = named || !usual ? target : "2";
        var report = new RowReport();
        var seen = new RowFields.Seen();
        List<TextPair> rows = new ArrayList<>();
        RowReader.read(file, named, report, row -> {
            seen.add(row);
            var fields = new RowFields(row, report);
            String text = fields.text(from);
            String written = text == null ? null : fields.text(to);
            if (written != null) {
                rows.add(new TextPair(text.strip(), written.strip()));
            }
        });
        seen.requireRows(file, report, !rows.isEmpty(), from, to);
        return new LabelledRows<>(rows, report);
    }

    private static boolean firstLineNames(Path file, String source, String target) {
        List<String> cells = new ArrayList<>();
        RowReader.read(file, false, new RowReport(), row -> {
            if (row.number() == 1) {
                row.fields().forEach(cell -> cells.add(cell.asText().strip().replaceFirst("^\"(.*)\"$", "$1")));
            }
        });
        return cells.contains(source) && cells.contains(target);
    }
}
