package dev.zhulong.data.label;

import dev.zhulong.data.read.RowReader;
import dev.zhulong.data.read.RowReport;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Reads texts that belong together from any file of rows with named columns: CSV, TSV, JSON Lines, JSON, Parquet. */
public final class GroupReader {
    /** What the columns are called where nothing else is said. */
    public static final List<String> FIELDS = List.of("anchor", "positive", "negative");

    private GroupReader() {}

    /**
     * Every row of a file that has an anchor and a positive; a row may lack a negative.
     *
     * @param columns those with other names than {@link #FIELDS}, by field
     * @throws IllegalArgumentException where the file is missing, of no known format, has no such column, or no row that can be used
     */
    public static LabelledRows<TextGroup> read(Path file, Map<String, String> columns) {
        String anchor = columns.getOrDefault("anchor", "anchor");
        String positive = columns.getOrDefault("positive", "positive");
        String negative = columns.getOrDefault("negative", "negative");
        var report = new RowReport();
        var seen = new RowFields.Seen();
        List<TextGroup> rows = new ArrayList<>();
        RowReader.read(file, true, report, row -> {
            seen.add(row);
            var fields = new RowFields(row, report);
            String text = fields.text(anchor);
            String own = text == null ? null : fields.text(positive);
            var other = row.fields().path(negative);
            boolean none = RowFields.isMissing(other) || other.isTextual() && other.asText().isBlank();
            String wrong = own == null || none ? null : fields.text(negative);
            if (own == null || !none && wrong == null) {
                return;
            }
            if (own.strip().equals(none ? null : wrong.strip())) {
                fields.refuse("the positive and the negative say the same", "");
                return;
            }
            rows.add(new TextGroup(text.strip(), own.strip(), none ? Optional.empty() : Optional.of(wrong.strip())));
        });
        seen.requireRows(file, report, !rows.isEmpty(), anchor, positive);
        return new LabelledRows<>(rows, report);
    }
}
