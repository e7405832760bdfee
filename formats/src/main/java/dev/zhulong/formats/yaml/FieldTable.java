package dev.zhulong.formats.yaml;

import dev.zhulong.formats.Family;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The table of a recipe's fields. */
final class FieldTable {

    private record Row(List<String> cells) {
        Row(String... cells) {
            this(List.of(cells));
        }
    }

    private final List<Row> rows = new ArrayList<>(List.of(new Row("field", "type", "default", "meaning")));

    private FieldTable() {}

    static String of(Class<?> type) {
        FieldTable table = new FieldTable();
        table.section(type, "", RecordShape.of(type).defaults(), List.of());
        return table.text();
    }

    private void section(Class<?> type, String path, Object defaults, List<Class<?>> above) {
        List<Class<?>> here = new ArrayList<>(above);
        here.add(type);
        RecordShape.of(type).fields().forEach((name, component) -> {
            Object value = defaults == null ? null : RecordShape.value(component, defaults);
            Type inner = component.getGenericType();
            if (RecordShape.raw(inner) == Optional.class) {
                inner = RecordShape.argument(inner, 0);
            }
            Class<?> raw = RecordShape.raw(inner);
            Type element = raw == List.class ? RecordShape.argument(inner, 0) : raw == Map.class ? RecordShape.argument(inner, 1) : null;
            if (raw.isRecord() && !here.contains(raw)) {
                Object below = value instanceof Optional<?> o ? o.orElse(null) : value;
                boolean optional = component.getType() == Optional.class;
                rows.add(new Row(path + name, "a section", optional && below == null ? "none" : "", doc(component)));
                section(raw, path + name + ".", below != null ? below : RecordShape.of(raw).defaults(), here);
            } else if (element != null && RecordShape.raw(element).isRecord() && !here.contains(RecordShape.raw(element))) {
                Class<?> item = RecordShape.raw(element);
                rows.add(new Row(path + name, raw == List.class ? "a list of sections" : "named sections",
                        shown(component, defaults != null, value), doc(component)));
                section(item, path + name + (raw == List.class ? "[]." : ".NAME."), RecordShape.of(item).defaults(), here);
            } else {
                rows.add(new Row(path + name, TypeNames.of(inner), shown(component, defaults != null, value), doc(component)));
            }
        });
    }

    private static String doc(RecordComponent component) {
        Doc doc = component.getAnnotation(Doc.class);
        return doc == null ? "" : doc.value();
    }

    private static String shown(RecordComponent component, boolean hasDefaults, Object value) {
        if (!hasDefaults && component.getType().isPrimitive()) {
            return "required";
        }
        return switch (value) {
            case null -> "none";
            case Optional<?> o when o.isEmpty() -> "none";
            case Optional<?> o -> shown(o.get());
            default -> shown(value);
        };
    }

    private static String shown(Object value) {
        return switch (value) {
            case Enum<?> constant -> Names.constant(constant);
            case Family family -> family.modelType();
            case List<?> list when list.stream().anyMatch(Record.class::isInstance) -> list.size() + " sections";
            case Map<?, ?> map when map.values().stream().anyMatch(Record.class::isInstance) -> String.join(", ",
                    map.keySet().stream().map(FieldTable::shown).toList());
            case List<?> list -> list.stream().map(FieldTable::shown).toList().toString();
            case String text -> text.isEmpty() ? "''" : text;
            default -> value.toString();
        };
    }

    private String text() {
        int[] widths = new int[4];
        List<List<String>> cells = rows.stream().map(row -> row.cells().stream()
                .map(cell -> cell.replace("|", "\\|").replace("\n", "\\n")).toList()).toList();
        cells.forEach(row -> {
            for (int i = 0; i < widths.length; i++) {
                widths[i] = Math.max(widths[i], row.get(i).length());
            }
        });
        StringBuilder text = new StringBuilder();
        for (int r = 0; r < cells.size(); r++) {
            StringBuilder line = new StringBuilder();
            StringBuilder rule = new StringBuilder();
            for (int i = 0; i < widths.length; i++) {
                String cell = cells.get(r).get(i);
                line.append("| ").append(cell).repeat(' ', widths[i] - cell.length() + 1);
                rule.append("|").repeat('-', widths[i] + 2);
            }
            text.append(line).append("|\n");
            if (r == 0) {
                text.append(rule).append("|\n");
            }
        }
        return text.toString();
    }
}
