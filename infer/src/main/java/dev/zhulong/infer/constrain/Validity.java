package dev.zhulong.infer.constrain;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.infer.constrain.Shape.Part;
import dev.zhulong.infer.constrain.Shape.Type;
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
            case ARRAY -> {
                boolean valid = shape.sizes().contains(value.size());
                for (int i = 0; valid && i < value.size(); i++) {
                    valid = of(reader, shape.item(i), value.get(i));
                }
                yield valid;
            }
            case OBJECT -> shape.required().stream().allMatch(value::has)
                    && value.propertyStream().allMatch(each -> of(reader, shape.member(each.getKey()), each.getValue()));
        };
    }
}
