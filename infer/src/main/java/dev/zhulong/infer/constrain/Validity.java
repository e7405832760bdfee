package dev.zhulong.infer.constrain;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.TextNode;
import dev.zhulong.infer.constrain.Shape.Part;
import dev.zhulong.infer.constrain.Shape.Type;
import java.util.ArrayList;
import java.util.List;

/** Whether a given value satisfies a schema: for the values of {@code enum} and {@code const}, which stand beside other keywords. */
final class Validity {
    private Validity() {}

    static boolean of(SchemaReader reader, List<Part> parts, JsonNode value) {
        return reader.shapes(parts).stream().anyMatch(shape -> of(reader, shape, value));
    }

    static boolean of(SchemaReader reader, Shape shape, JsonNode value) {
        Type type = Type.of(value);
        if (!shape.types().contains(type) || shape.values() != null && !Shape.holds(shape.values(), value)) {
            return false;
        }
        return switch (type) {
            case NULL, BOOLEAN -> true;
            case WHOLE, FRACTION -> shape.bounds().contains(value.decimalValue()) && shape.divides(value.decimalValue());
            case STRING -> shape.lengths().contains(value.textValue().codePointCount(0, value.textValue().length()))
                    && shape.texts().stream().allMatch(text -> text.accepts(value.textValue()));
            case ARRAY -> array(reader, shape, value);
            case OBJECT -> object(reader, shape, value);
        };
    }

    private static boolean array(SchemaReader reader, Shape shape, JsonNode value) {
        Shape.Arrays arrays = shape.arrays();
        if (!arrays.sizes().contains(value.size()) || arrays.unique() != null && hasEqual(value)) {
            return false;
        }
        for (int i = 0; i < value.size(); i++) {
            if (!of(reader, shape.item(i), value.get(i))) {
                return false;
            }
        }
        return arrays.contained().stream().allMatch(part -> value.valueStream().anyMatch(item -> of(reader, List.of(part), item)));
    }

    private static boolean hasEqual(JsonNode array) {
        List<JsonNode> seen = new ArrayList<>();
        for (JsonNode item : array) {
            if (Shape.holds(seen, item)) {
                return true;
            }
            seen.add(item);
        }
        return false;
    }

    private static boolean object(SchemaReader reader, Shape shape, JsonNode value) {
        Shape.Objects objects = shape.objects();
        return objects.counts().contains(value.size()) && objects.required().stream().allMatch(value::has)
                && value.propertyStream().allMatch(each -> isKey(reader, objects, each.getKey()) && of(reader, shape.member(each.getKey()), each.getValue()));
    }

    /** Whether a key is one that may be. */
    static boolean isKey(SchemaReader reader, Shape.Objects objects, String key) {
        return objects.names().stream().allMatch(part -> of(reader, List.of(part), TextNode.valueOf(key)));
    }
}
