package dev.zhulong.data.label;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.data.read.RowReader;
import dev.zhulong.data.read.RowReport;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;

/** The fields of one row; one that is missing or of another kind has the row refused, and null is returned. */
record RowFields(RowReader.Row row, RowReport report) {
    /** The value of a scalar that is not blank. */
    String text(String column) {
        return text(row.fields().path(column), column);
    }

    String text(JsonNode value, String column) {
        if (isMissing(value)) {
            return refuse("no field '" + column + "'", "");
        }
        if (value.isContainerNode()) {
            return refuse("field '" + column + "' is not text", "found " + (value.isArray() ? "a list" : "an object"));
        }
        return value.asText().isBlank() ? refuse("field '" + column + "' is empty", "") : value.asText();
    }

    /** A label: text without the white space around it, or a number; 1.0 is 1. */
    String label(JsonNode value, String column) {
        if (value.isNumber()) {
            BigDecimal number = value.decimalValue().stripTrailingZeros();
            return number.scale() <= 0 ? number.toBigInteger().toString() : number.toPlainString();
        }
        String text = text(value, column);
        return text == null ? null : text.strip();
    }

    /** Each value of a list; a list of scalars that are not empty. */
    List<String> list(String column, boolean labels) {
        JsonNode value = row.fields().path(column);
        if (isMissing(value)) {
            refuse("no field '" + column + "'", "");
            return null;
        }
        if (!value.isArray()) {
            refuse("field '" + column + "' is not a list", "");
            return null;
        }
        List<String> all = new ArrayList<>();
        for (JsonNode each : value) {
            String text = labels ? label(each, column) : text(each, column);
            if (text == null) {
                return null;
            }
            all.add(text);
        }
        return all;
    }

    static boolean isMissing(JsonNode node) {
        return node.isMissingNode() || node.isNull() || node.isDouble() && Double.isNaN(node.doubleValue());
    }

    <T> T refuse(String reason, String detail) {
        report.refuse(reason, new RowReport.Sample(row.where(), detail, row.fields().toString()));
        return null;
    }

    void note(String what, String detail) {
        report.note(what, new RowReport.Sample(row.where(), detail, row.fields().toString()));
    }

    /** Columns that rows were seen to have, for the message where a file lacks one altogether. */
    static final class Seen {
        private final TreeSet<String> names = new TreeSet<>();

        void add(RowReader.Row row) {
            row.fields().fieldNames().forEachRemaining(name -> {
                if (names.size() < 50) {
                    names.add(name);
                }
            });
        }

        /** @throws IllegalArgumentException where a file has given nothing: it has no rows, lacks a column, or no row can be used */
        void requireRows(Path file, RowReport report, boolean any, String... columns) {
            if (any) {
                return;
            }
            if (report.read() == 0) {
                throw new IllegalArgumentException(file + " holds no rows");
            }
            for (String column : columns) {
                if (!names.isEmpty() && !names.contains(column)) {
                    throw new IllegalArgumentException(file + ": no column '" + column + "'; found " + String.join(", ", names) + ". Name the one that is meant");
                }
            }
            var first = report.refused().firstEntry();
            String why = first == null ? "" : "; " + first.getValue().samples().getFirst().where() + ": " + first.getKey()
                    + (first.getValue().samples().getFirst().detail().isEmpty() ? "" : ": " + first.getValue().samples().getFirst().detail());
            throw new IllegalArgumentException(file + " holds no row that can be used: " + report + why);
        }
    }
}
