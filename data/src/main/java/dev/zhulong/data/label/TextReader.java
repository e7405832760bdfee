package dev.zhulong.data.label;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.data.read.RowReader;
import dev.zhulong.data.read.RowReport;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Reads texts with classes from any file of rows: CSV and TSV with a header, JSON Lines, JSON, Parquet. */
public final class TextReader {
    private TextReader() {}

    /**
     * Every row of a file that has a text and a label.
     *
     * @throws IllegalArgumentException where the file is missing, of no known format, has no such column, or no row that can be used
     */
    public static LabelledRows<LabelledText> read(Path file, LabelColumns columns) {
        var report = new RowReport();
        var seen = new RowFields.Seen();
        List<LabelledText> rows = new ArrayList<>();
        RowReader.read(file, true, report, row -> {
            seen.add(row);
            LabelledText labelled = labelled(new RowFields(row, report), columns);
            if (labelled != null) {
                rows.add(labelled);
            }
        });
        seen.requireRows(file, report, !rows.isEmpty(), columns.text(), columns.label(), columns.pair().orElse(columns.text()));
        return new LabelledRows<>(rows, report);
    }

    private static LabelledText labelled(RowFields fields, LabelColumns columns) {
        String text = fields.text(columns.text());
        if (text == null) {
            return null;
        }
        String pairColumn = columns.pair().orElse("text_pair");
        String pair = null;
        if (columns.pair().isPresent() || !RowFields.isMissing(fields.row().fields().path(pairColumn))) {
            pair = fields.text(pairColumn);
            if (pair == null) {
                return null;
            }
        }
        JsonNode value = fields.row().fields().path(columns.label());
        List<String> labels;
        if (columns.multi() && value.isArray()) {
            labels = fields.list(columns.label(), true);
        } else {
            if (value.isArray()) {
                return fields.refuse("a list of labels", "a row has one label, found " + value.size());
            }
            String label = fields.label(value, columns.label());
            labels = label == null ? null : List.of(label);
        }
        return labels == null ? null : new LabelledText(fields.row().where(), text, Optional.ofNullable(pair), labels.stream().map(columns::name).toList());
    }
}
