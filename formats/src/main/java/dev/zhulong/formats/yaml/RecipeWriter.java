package dev.zhulong.formats.yaml;

import dev.zhulong.formats.Family;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.yaml.snakeyaml.DumperOptions;

/** Writes a record as YAML: block style, the record's order, one field a line. */
final class RecipeWriter {

    private RecipeWriter() {}

    static String write(Record recipe) {
        DumperOptions style = new DumperOptions();
        style.setDefaultFlowStyle(DumperOptions.FlowStyle.BLOCK);
        style.setSplitLines(false);
        style.setAllowUnicode(true);
        style.setIndicatorIndent(2);
        style.setIndent(4);
        style.setLineBreak(DumperOptions.LineBreak.UNIX);
        return new org.yaml.snakeyaml.Yaml(style).dump(tree(recipe));
    }

    /** Only fresh lists and maps, since the same object twice would be written as an alias. */
    private static Object tree(Object value) {
        return switch (value) {
            case null -> null;
            case Optional<?> optional -> tree(optional.orElse(null));
            case Record section -> {
                Map<String, Object> fields = new LinkedHashMap<>();
                for (RecordComponent component : section.getClass().getRecordComponents()) {
                    fields.put(Names.field(component.getName()), tree(RecordShape.value(component, section)));
                }
                yield fields;
            }
            case List<?> list -> {
                List<Object> items = new ArrayList<>();
                list.forEach(item -> items.add(tree(item)));
                yield items;
            }
            case Map<?, ?> map -> {
                Map<String, Object> entries = new LinkedHashMap<>();
                map.forEach((key, entry) -> entries.put(tree(key).toString(), tree(entry)));
                yield entries;
            }
            case Enum<?> constant -> Names.constant(constant);
            case Family family -> family.modelType();
            case Double d when !Double.isFinite(d) -> throw new IllegalArgumentException("a recipe can't hold the number " + d);
            case Float f when !Float.isFinite(f) -> throw new IllegalArgumentException("a recipe can't hold the number " + f);
            // SnakeYAML would write the float as the double nearest to it
            case Float f -> Double.parseDouble(f.toString());
            case Number number -> number;
            case Boolean bool -> bool;
            default -> value.toString();
        };
    }
}
