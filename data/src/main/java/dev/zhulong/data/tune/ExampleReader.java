package dev.zhulong.data.tune;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.data.read.RowReader;
import dev.zhulong.data.read.RowReport;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/** Reads the examples of a data source. */
public final class ExampleReader {
    /** Rows looked at to tell the layout. */
    static final int FIRST_ROWS = 32;

    private final DataSource source;
    private final RowReport report = new RowReport();
    private final List<RowReader.Row> first = new ArrayList<>();
    private final List<ExampleRow> examples = new ArrayList<>();
    private RowParser parser;
    private Map<String, String> columns = Map.of();

    private ExampleReader(DataSource source) {
        this.source = source;
    }

    /**
     * Every example of {@code source}, and a report of every row.
     *
     * @throws IllegalArgumentException where the file is missing or of no known format, its layout can't be told, or the mapping names
     *                                  columns it does not have
     */
    public static Examples read(DataSource source) {
        var reader = new ExampleReader(source);
        boolean numbered = !source.mapping().isEmpty() && source.mapping().values().stream().allMatch(column -> column.matches("\\d+"));
        RowReader.read(source.path(), !numbered, reader.report, reader::take);
        if (reader.parser == null) {
            reader.begin();
        }
        return new Examples(List.copyOf(reader.examples), reader.parser.columns().layout(), reader.columns, reader.report);
    }

    private void take(RowReader.Row row) {
        if (parser != null) {
            parse(row);
            return;
        }
        first.add(row);
        if (first.size() == FIRST_ROWS) {
            begin();
        }
    }

    private void begin() {
        List<ObjectNode> rows = first.stream().map(RowReader.Row::fields).toList();
        if (rows.isEmpty()) {
            throw new IllegalArgumentException(report.read() == 0 ? source.path() + " holds no rows: no readable row was found in it"
                    : source.path() + " holds no readable row; " + report);
        }
        Columns found = source.layout().map(layout -> new Columns(layout, source.mapping()))
                .orElseGet(() -> Columns.detect(rows, source.mapping()).orElseThrow(() -> unknown(rows)));
        columns = found.found(rows);
        for (Map.Entry<String, String> mapped : source.mapping().entrySet()) {
            if (!columns.containsValue(mapped.getValue()) && rows.stream().allMatch(row -> found.get(row, mapped.getKey()).isMissingNode())) {
                throw new IllegalArgumentException(source.path() + ": no column '" + mapped.getValue() + "' (mapped to " + mapped.getKey()
                        + "); found " + names(rows));
            }
        }
        boolean toBeJoined = "prompt".equalsIgnoreCase(columns.get("prompt")) && "completion".equalsIgnoreCase(columns.get("completion"));
        parser = new RowParser(found, source.asChat().orElse(false), source.separator().orElse(toBeJoined ? "" : "\n"));
        first.forEach(this::parse);
        first.clear();
    }

    private IllegalArgumentException unknown(List<ObjectNode> rows) {
        return new IllegalArgumentException(source.path() + ": the layout of its rows is not known; found the fields " + names(rows) + noText(rows)
                + "; expected instruction and output, conversations, messages, prompt and completion, chosen and rejected, or text."
                + " Name the columns with a mapping (e.g. prompt=question completion=answer) or fix the layout");
    }

    /** Says so where the fields of a layout are there, but their values can't be told from something else. */
    private String noText(List<ObjectNode> rows) {
        for (Layout layout : Layout.values()) {
            if (rows.stream().anyMatch(row -> layout.required().stream().allMatch(row::has))) {
                return " (no row has text in all of " + String.join(", ", layout.required()) + ")";
            }
        }
        return "";
    }

    private static String names(List<ObjectNode> rows) {
        var names = new TreeSet<String>();
        rows.forEach(row -> row.fieldNames().forEachRemaining(names::add));
        return names.isEmpty() ? "no fields" : String.join(", ", names.stream().limit(20).toList());
    }

    private void parse(RowReader.Row row) {
        var notes = new TreeSet<String>();
        Example example;
        try {
            example = parser.parse(row.fields(), notes);
        } catch (RowRefused refused) {
            report.refuse(refused.reason(), new RowReport.Sample(row.where(), shorten(refused.detail()), row.fields().toString()));
            return;
        }
        notes.forEach(note -> report.note(note, new RowReport.Sample(row.where(), "", row.fields().toString())));
        examples.add(new ExampleRow(source.name(), row.where(), row.number(), example));
    }

    private static String shorten(String detail) {
        return new RowReport.Sample("", "", detail).snippet();
    }
}
