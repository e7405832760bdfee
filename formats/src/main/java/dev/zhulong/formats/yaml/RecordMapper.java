package dev.zhulong.formats.yaml;

import dev.zhulong.formats.Families;
import dev.zhulong.formats.Family;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.math.BigDecimal;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Makes records out of a {@link Yaml} tree, led by the records' types. */
final class RecordMapper {

    private final RecordShape root;

    RecordMapper(Class<?> root) {
        this.root = RecordShape.of(root);
    }

    /**
     * One record.
     *
     * @param defaults values of absent fields, or null
     * @param path     of this section, empty for the recipe itself
     */
    Object record(Class<?> type, Yaml yaml, String path, Object defaults) {
        if (yaml instanceof Yaml.Setting setting) {
            return record(type, setting.parsed(), path, defaults);
        }
        if (!(yaml instanceof Yaml.Mapping section)) {
            throw new RecipeException(yaml, path, "expected a section with fields, found " + yaml.found());
        }
        RecordShape shape = RecordShape.of(type);
        for (Map.Entry<String, Yaml.Mapping.Field> field : section.fields().entrySet()) {
            if (!shape.fields().containsKey(field.getKey())) {
                throw unknown(shape, field.getKey(), field.getValue().place(), path);
            }
        }
        Object base = defaults != null ? defaults : shape.defaults();
        List<Object> values = new ArrayList<>();
        shape.fields().forEach((name, component) -> {
            Yaml.Mapping.Field field = section.fields().get(name);
            String fieldPath = path.isEmpty() ? name : path + "." + name;
            Object before = base == null ? null : RecordShape.value(component, base);
            boolean given = field != null && !isNothing(field.value(), component.getType());
            values.add(given ? value(component.getGenericType(), field.value(), fieldPath, before)
                    : absent(component, base != null, before, section, fieldPath));
        });
        try {
            return shape.make(values);
        } catch (IllegalArgumentException | NullPointerException | ArithmeticException e) {
            throw new RecipeException(section, path, e.getMessage() == null ? e.toString() : e.getMessage(), e);
        }
    }

    private static Object absent(RecordComponent component, boolean hasDefault, Object before, Yaml section, String path) {
        Class<?> type = component.getType();
        if (hasDefault) {
            return before;
        }
        if (type.isPrimitive()) {
            throw new RecipeException(section, path, "required, expected " + TypeNames.of(component.getGenericType()) + ", found nothing");
        }
        return type == Optional.class ? Optional.empty() : type == List.class ? List.of() : type == Map.class ? Map.of()
                : type.isRecord() ? RecordShape.of(type).defaults() : null;
    }

    /** Nothing behind the colon or the equals sign; only {@code --set name=} gives a text that is empty. */
    private static boolean isNothing(Yaml value, Class<?> type) {
        return switch (value) {
            case Yaml.Scalar scalar -> scalar.isNothing();
            case Yaml.Setting setting -> setting.text().isBlank() && type != String.class;
            default -> false;
        };
    }

    private RecipeException unknown(RecordShape shape, String name, String place, String path) {
        String full = path.isEmpty() ? name : path + "." + name;
        Optional<String> near = Names.nearest(name, shape.fields().keySet());
        List<String> elsewhere = root.pathsTo(name);
        String help = near.isPresent() ? "did you mean " + near.get() + "?"
                : !elsewhere.isEmpty() ? "did you mean " + String.join(" or ", elsewhere) + "?"
                : "known fields: " + String.join(", ", shape.fields().keySet());
        return new RecipeException(place + ": " + full.replaceAll("\\p{Cntrl}", "?") + ": unknown field; " + help);
    }

    private Object value(Type type, Yaml yaml, String path, Object before) {
        Class<?> raw = RecordShape.raw(type);
        Yaml.Scalar scalar = yaml instanceof Yaml.Scalar s ? s : yaml instanceof Yaml.Setting o ? o.scalar() : null;
        boolean isText = yaml instanceof Yaml.Setting && raw == String.class;
        boolean isNull = scalar != null && (scalar.isNull() || scalar.isNothing() && !isText);
        if (raw == Optional.class) {
            Object inside = before instanceof Optional<?> o ? o.orElse(null) : null;
            return isNull ? Optional.empty() : Optional.of(value(RecordShape.argument(type, 0), yaml, path, inside));
        }
        if (isNull && !raw.isPrimitive()) {
            return raw == List.class ? List.of() : raw == Map.class ? Map.of() : null;
        }
        if (raw.isRecord()) {
            return record(raw, yaml, path, before);
        }
        if (raw == List.class) {
            return list(type, yaml, path);
        }
        if (raw == Map.class) {
            return map(type, yaml, path);
        }
        if (scalar == null) {
            throw wrong(type, yaml, path);
        }
        return scalar(raw, scalar, path);
    }

    private List<?> list(Type type, Yaml yaml, String path) {
        Yaml list = yaml instanceof Yaml.Setting o ? o.parsed() : yaml;
        if (!(list instanceof Yaml.Sequence sequence)) {
            throw wrong(type, list, path);
        }
        List<Object> values = new ArrayList<>();
        for (Yaml item : sequence.items()) {
            values.add(present(RecordShape.argument(type, 0), item, path + "[" + values.size() + "]"));
        }
        return List.copyOf(values);
    }

    private Map<?, ?> map(Type type, Yaml yaml, String path) {
        Yaml map = yaml instanceof Yaml.Setting o ? o.parsed() : yaml;
        if (!(map instanceof Yaml.Mapping mapping)) {
            throw wrong(type, map, path);
        }
        Map<Object, Object> values = new LinkedHashMap<>();
        mapping.fields().forEach((key, field) -> values.put(
                scalar(RecordShape.raw(RecordShape.argument(type, 0)), new Yaml.Scalar(field.place(), key, false), path + "." + key),
                present(RecordShape.argument(type, 1), field.value(), path + "." + key)));
        return Collections.unmodifiableMap(values);
    }

    private Object present(Type type, Yaml yaml, String path) {
        Object value = value(type, yaml, path, null);
        if (value == null) {
            throw wrong(type, yaml, path);
        }
        return value;
    }

    private Object scalar(Class<?> type, Yaml.Scalar scalar, String path) {
        String text = scalar.text();
        if (type == String.class) {
            return text;
        }
        if (type == Path.class) {
            try {
                return Path.of(text);
            } catch (InvalidPathException e) {
                throw wrong(type, scalar, path);
            }
        }
        if (type.isEnum()) {
            Enum<?>[] constants = (Enum<?>[]) type.getEnumConstants();
            for (Enum<?> constant : constants) {
                if (Names.constant(constant).equals(text)) {
                    return constant;
                }
            }
            String near = Names.nearest(text, Arrays.stream(constants).map(Names::constant).toList())
                    .map(n -> "; did you mean " + n + "?").orElse("");
            throw new RecipeException(scalar, path, "expected " + TypeNames.of(type) + ", found " + scalar.found() + near);
        }
        if (type == Family.class) {
            Optional<Family> family = Families.find(text).filter(Families.decoders()::contains);
            String near = Names.nearest(text, Families.decoders().stream().map(Family::modelType).toList()).map(n -> "; did you mean " + n + "?").orElse("");
            return family.orElseThrow(() -> new RecipeException(scalar, path, "expected " + TypeNames.of(type) + ", found " + scalar.found() + near));
        }
        if (!scalar.plain()) {
            throw new RecipeException(scalar, path, "expected " + TypeNames.of(type) + ", found the text " + scalar.found());
        }
        try {
            Object value = switch (type.getName()) {
                case "boolean", "java.lang.Boolean" -> text.equals("true") ? Boolean.TRUE : text.equals("false") ? Boolean.FALSE : null;
                case "int", "java.lang.Integer" -> whole(text).intValueExact();
                case "long", "java.lang.Long" -> whole(text).longValueExact();
                case "double", "java.lang.Double" -> number(text);
                case "float", "java.lang.Float" -> Float.parseFloat(plainDecimal(text));
                default -> throw new IllegalStateException("a recipe can't hold a " + type.getName() + " (" + path + ")");
            };
            if (value != null && !(value instanceof Float f && f.isInfinite())) {
                return value;
            }
        } catch (ArithmeticException | NumberFormatException e) {
            // falls through to the one message all wrong values get
        }
        throw wrong(type, scalar, path);
    }

    /** Also {@code 2_000_000} and {@code 2e6}, as long as it is whole. */
    private static BigDecimal whole(String text) {
        BigDecimal value = new BigDecimal(plainDecimal(text));
        if (Math.abs((long) value.scale()) > 40) {
            throw new ArithmeticException("out of range"); // 1e999999999 would take gigabytes to expand
        }
        return value;
    }

    private static double number(String text) {
        double value = Double.parseDouble(plainDecimal(text)); // not by BigDecimal, which has no -0.0
        if (Double.isInfinite(value)) {
            throw new ArithmeticException("out of range");
        }
        return value;
    }

    private static String plainDecimal(String text) {
        if (text.length() > 100 || !text.matches("[-+]?([0-9][0-9_]*)?\\.?[0-9]*([eE][-+]?[0-9]+)?")) {
            throw new NumberFormatException(text);
        }
        return text.replace("_", "");
    }

    private static RecipeException wrong(Type type, Yaml yaml, String path) {
        return new RecipeException(yaml, path, "expected " + TypeNames.of(type) + ", found " + yaml.found());
    }
}
