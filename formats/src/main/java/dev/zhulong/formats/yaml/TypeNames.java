package dev.zhulong.formats.yaml;

import dev.zhulong.formats.Families;
import dev.zhulong.formats.Family;
import java.lang.reflect.Type;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** What a field's type is called in messages and tables. */
final class TypeNames {

    private TypeNames() {}

    static String of(Type type) {
        Class<?> raw = RecordShape.raw(type);
        if (raw == List.class) {
            return "a list of (" + of(RecordShape.argument(type, 0)) + ")";
        }
        if (raw == Map.class) {
            return "names with (" + of(RecordShape.argument(type, 1)) + ")";
        }
        if (raw == Optional.class) {
            return of(RecordShape.argument(type, 0)) + " or null";
        }
        if (raw.isEnum()) {
            return "one of " + Arrays.stream(raw.getEnumConstants()).map(c -> Names.constant((Enum<?>) c))
                    .collect(Collectors.joining(", "));
        }
        if (raw == Family.class) {
            return "one of " + Families.names(Families.decoders());
        }
        if (raw.isRecord()) {
            return "a section with fields " + String.join(", ", RecordShape.of(raw).fields().keySet());
        }
        if (raw == Path.class) {
            return "a path";
        }
        return switch (raw.getName()) {
            case "boolean", "java.lang.Boolean" -> "true or false";
            case "int", "java.lang.Integer" -> "a whole number (int)";
            case "long", "java.lang.Long" -> "a whole number (long)";
            case "double", "java.lang.Double", "float", "java.lang.Float" -> "a number";
            case "java.lang.String" -> "text";
            default -> raw.getSimpleName();
        };
    }
}
