package dev.zhulong.data.tune;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A layout and the columns in which a file keeps its fields.
 *
 * @param layout  of the rows
 * @param mapping field to column where they differ; dots reach into objects ({@code prompt: turn.question})
 */
record Columns(Layout layout, Map<String, String> mapping) {
    Columns {
        for (String field : mapping.keySet()) {
            if (!Layout.FIELDS.contains(field)) {
                throw new IllegalArgumentException("mapping: there is no field '" + field + "'; expected one of "
                        + String.join(", ", Layout.FIELDS) + ", each with the column that holds it, e.g. prompt=question");
            }
        }
    }

    /** The layout that most of {@code rows} have, of several the one that is tried first; empty where none has all its fields. */
    static Optional<Columns> detect(List<ObjectNode> rows, Map<String, String> mapping) {
        Columns best = null;
        long most = 0;
        for (Layout layout : Layout.values()) {
            var columns = new Columns(layout, mapping);
            long fitting = rows.stream().filter(columns::fits).count();
            if (fitting > most) {
                most = fitting;
                best = columns;
            }
        }
        return Optional.ofNullable(best);
    }

    private boolean fits(ObjectNode row) {
        return layout.required().stream().allMatch(field -> {
            String column = column(row, field);
            return column != null && layout.plausible(at(row, column), mapping.containsKey(field) || column.equalsIgnoreCase(field));
        });
    }

    /** The value of {@code field}; missing where the row has none, null or NaN. */
    JsonNode get(ObjectNode row, String field) {
        String column = column(row, field);
        return column == null ? MissingNode.getInstance() : at(row, column);
    }

    /** The column in which this row has {@code field}, or null; one that differs in case only where none is spelt like it. */
    private String column(ObjectNode row, String field) {
        List<String> names = mapping.containsKey(field) ? List.of(mapping.get(field)) : layout.columns(field);
        for (String name : names) {
            if (!at(row, name).isMissingNode()) {
                return name;
            }
        }
        for (String name : names) {
            for (Map.Entry<String, JsonNode> column : row.properties()) {
                if (column.getKey().equalsIgnoreCase(name) && !Json.isMissing(column.getValue())) {
                    return column.getKey();
                }
            }
        }
        return null;
    }

    private static JsonNode at(ObjectNode row, String column) {
        JsonNode value = row.path(column);
        if (value.isMissingNode() && column.indexOf('.') > 0) {
            value = row;
            for (String name : column.split("\\.")) {
                value = value.path(name);
            }
        }
        return Json.isMissing(value) ? MissingNode.getInstance() : value;
    }

    /** Field to column over {@code rows}, the fields in the order of {@link Layout#FIELDS}. */
    Map<String, String> found(List<ObjectNode> rows) {
        var found = new LinkedHashMap<String, String>();
        for (String field : used()) {
            rows.stream().map(row -> column(row, field)).filter(column -> column != null).findFirst()
                    .ifPresent(column -> found.put(field, column));
        }
        return found;
    }

    private List<String> used() {
        var used = new ArrayList<>(layout.required());
        used.addAll(switch (layout) {
            case PREFERENCE -> List.of("prompt", "input", "conversations", "messages", "system", "tools");
            case MESSAGES, SHAREGPT -> List.of("system", "tools");
            case ALPACA -> List.of("input", "history", "system");
            case COMPLETION -> List.of("system", "tools");
            case GAP, TEXT -> List.of();
        });
        return used;
    }
}
