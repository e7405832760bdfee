package dev.zhulong.infer.constrain;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.zhulong.infer.constrain.Numbers.Bounds;
import dev.zhulong.infer.constrain.Shape.Arrays;
import dev.zhulong.infer.constrain.Shape.Items;
import dev.zhulong.infer.constrain.Shape.Members;
import dev.zhulong.infer.constrain.Shape.Objects;
import dev.zhulong.infer.constrain.Shape.Part;
import dev.zhulong.infer.constrain.Shape.Range;
import dev.zhulong.infer.constrain.Shape.Type;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** The values that do not satisfy an alternative of a schema, as alternatives. An alternative is a conjunction, so that one of what it says is not so. */
final class Negation {
    private static final Set<Type> NUMBERS = EnumSet.of(Type.WHOLE, Type.FRACTION);

    private final Part part;
    private final List<Shape> all = new ArrayList<>();

    private Negation(Part part) {
        this.part = part;
    }

    /**
     * What {@code shape} is not.
     *
     * @param part the schema that says so, for errors
     * @throws IllegalArgumentException where that has no finite form
     */
    static List<Shape> of(Shape shape, Part part) {
        var negation = new Negation(part);
        negation.types(shape.types());
        if (shape.values() != null) {
            negation.values(shape.values());
        }
        negation.numbers(shape);
        negation.strings(shape);
        negation.arrays(shape);
        negation.objects(shape);
        return negation.all;
    }

    private void add(Set<Type> types, Shape shape) {
        all.add(Shape.ofTypes(types).and(shape));
    }

    private IllegalArgumentException refused(String what) {
        return SchemaReader.error(part, "a negation of " + what + " is not supported");
    }

    private void types(Set<Type> types) {
        Set<Type> others = EnumSet.complementOf(EnumSet.copyOf(types));
        if (!others.isEmpty()) {
            add(others, Shape.ANY);
        }
    }

    private void values(List<JsonNode> values) {
        Set<Type> untouched = EnumSet.allOf(Type.class);
        untouched.removeAll(NUMBERS);
        values.forEach(value -> untouched.remove(Type.of(value)));
        if (values.stream().anyMatch(JsonNode::isContainerNode)) {
            throw refused("an array or an object by its value");
        }
        if (!untouched.isEmpty()) {
            add(untouched, Shape.ANY);
        }
        for (JsonNode truth : List.of(BooleanNode.TRUE, BooleanNode.FALSE)) {
            if (!untouched.contains(Type.BOOLEAN) && !Shape.holds(values, truth)) {
                all.add(Shape.ofValues(List.of(truth)));
            }
        }
        if (!untouched.contains(Type.STRING)) {
            add(EnumSet.of(Type.STRING), Shape.ofStrings(List.of(TextAutomaton.but(values.stream().filter(JsonNode::isTextual).map(JsonNode::textValue).toList())), Range.ANY));
        }
        // what lies below, between and above those that it is not
        BigDecimal before = null;
        for (BigDecimal number : new TreeSet<>(values.stream().filter(JsonNode::isNumber).map(JsonNode::decimalValue).toList())) {
            add(NUMBERS, Shape.ofNumbers(new Bounds(before, true, number, true)));
            before = number;
        }
        add(NUMBERS, Shape.ofNumbers(new Bounds(before, true, null, false)));
    }

    private void numbers(Shape shape) {
        if (!shape.divisors().isEmpty()) {
            throw refused("multipleOf");
        }
        Bounds bounds = shape.bounds();
        if (bounds.least() != null) {
            add(NUMBERS, Shape.ofNumbers(new Bounds(null, false, bounds.least(), !bounds.leastOpen())));
        }
        if (bounds.most() != null) {
            add(NUMBERS, Shape.ofNumbers(new Bounds(bounds.most(), !bounds.mostOpen(), null, false)));
        }
    }

    private void strings(Shape shape) {
        for (TextAutomaton texts : shape.texts()) {
            add(EnumSet.of(Type.STRING), Shape.ofStrings(List.of(texts.complement()), Range.ANY));
        }
        for (Range lengths : outside(shape.lengths())) {
            add(EnumSet.of(Type.STRING), Shape.ofStrings(List.of(), lengths));
        }
    }

    private List<Range> outside(Range range) {
        List<Range> outside = new ArrayList<>();
        if (range.least() > 0) {
            outside.add(new Range(0, range.least() - 1));
        }
        if (range.most() != Integer.MAX_VALUE) {
            if (range.most() >= SchemaReader.MOST) {
                throw refused("a limit of " + range.most());
            }
            outside.add(new Range(range.most() + 1, Integer.MAX_VALUE));
        }
        return outside;
    }

    private void arrays(Shape shape) {
        Set<Type> arrays = EnumSet.of(Type.ARRAY);
        if (shape.arrays().unique() != null) {
            throw refused("uniqueItems");
        }
        outside(shape.arrays().sizes()).forEach(sizes -> add(arrays, Shape.ofArrays(Arrays.of(sizes))));
        for (Part each : shape.arrays().contained()) {
            add(arrays, Shape.ofArrays(Arrays.of(new Items(List.of(), not(each)))));
        }
        for (Items items : shape.arrays().items()) {
            for (int i = 0; i < items.first().size(); i++) {
                List<Part> first = new ArrayList<>(Collections.nCopies(i, Part.of(BooleanNode.TRUE, part.pointer())));
                first.add(not(items.first().get(i)));
                add(arrays, Shape.ofArrays(Arrays.of(new Items(first, null))).and(Shape.ofArrays(Arrays.of(new Range(i + 1, Integer.MAX_VALUE)))));
            }
            if (items.others() != null && !items.others().schema().equals(BooleanNode.TRUE)) {
                if (!items.first().isEmpty()) {
                    throw refused("items beside prefixItems");
                }
                add(arrays, Shape.ofArrays(new Arrays(List.of(), Range.ANY, List.of(not(items.others())), null)));
            }
        }
    }

    private void objects(Shape shape) {
        Set<Type> objects = EnumSet.of(Type.OBJECT);
        if (!shape.objects().names().isEmpty()) {
            throw refused("propertyNames");
        }
        outside(shape.objects().counts()).forEach(counts -> add(objects, Shape.ofObjects(new Objects(List.of(), Set.of(), counts, List.of()))));
        for (String key : shape.objects().required()) {
            add(objects, Shape.ofObjects(Objects.of(member(key, Part.of(BooleanNode.FALSE, part.pointer())))));
        }
        for (Members members : shape.objects().members()) {
            if (!members.patterns().isEmpty() || members.others() != null && !members.others().schema().equals(BooleanNode.TRUE)) {
                throw refused("patternProperties and additionalProperties");
            }
            members.declared().forEach((key, value) ->
                    add(objects, Shape.ofObjects(Objects.of(member(key, not(value)))).and(Shape.ofObjects(Objects.requiring(Set.of(key))))));
        }
    }

    private static Members member(String key, Part value) {
        return new Members(Map.of(key, value), List.of(), null);
    }

    private static Part not(Part part) {
        return Part.of(JsonNodeFactory.instance.objectNode().set("not", part.schema()), part.pointer());
    }
}
