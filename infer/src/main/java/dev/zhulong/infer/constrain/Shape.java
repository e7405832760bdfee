package dev.zhulong.infer.constrain;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.infer.constrain.Numbers.Bounds;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * One alternative of a schema: all that a value has to satisfy at once. Schemas are sets of subschemas that hold together, so that nothing
 * has to be merged before its place in the value is reached.
 *
 * @param types    of which the value is one
 * @param values   of which it is one; null for any
 * @param bounds   of numbers
 * @param divisors of numbers
 * @param texts    all of which hold a string
 * @param lengths  of strings, in code points
 * @param objects  what is said of an object
 * @param arrays   what is said of an array
 */
record Shape(Set<Type> types, List<JsonNode> values, Bounds bounds, Set<BigDecimal> divisors, List<TextAutomaton> texts, Range lengths, Objects objects, Arrays arrays) {
    static final Shape ANY = new Shape(EnumSet.allOf(Type.class), null, Bounds.NONE, Set.of(), List.of(), Range.ANY, Objects.ANY, Arrays.ANY);

    /** Types of values; a whole number is one whatever it is written as. */
    enum Type {
        NULL, BOOLEAN, WHOLE, FRACTION, STRING, ARRAY, OBJECT;

        static Type of(JsonNode value) {
            return switch (value.getNodeType()) {
                case NULL -> NULL;
                case BOOLEAN -> BOOLEAN;
                case NUMBER -> value.decimalValue().stripTrailingZeros().scale() <= 0 ? WHOLE : FRACTION;
                case STRING -> STRING;
                case ARRAY -> ARRAY;
                case OBJECT -> OBJECT;
                default -> throw new IllegalArgumentException("not a JSON value: " + value);
            };
        }
    }

    /**
     * A schema and, for errors, its place in the document. Schemas that say the same are equal wherever they stand, so that they share what
     * is made of them.
     *
     * @param content what the schema asserts
     */
    record Part(JsonNode schema, JsonNode content, String pointer) {
        static Part of(JsonNode schema, String pointer) {
            JsonNode content = schema instanceof ObjectNode object
                    ? object.objectNode().<ObjectNode>setAll(object).retain(SchemaKeywords.ASSERTIONS) : schema;
            return new Part(schema, content, pointer);
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Part that && content.equals(that.content);
        }

        @Override
        public int hashCode() {
            return content.hashCode();
        }
    }

    /** How many; {@code most} is {@link Integer#MAX_VALUE} for any number. */
    record Range(int least, int most) {
        static final Range ANY = new Range(0, Integer.MAX_VALUE);

        Range and(Range other) {
            return new Range(Math.max(least, other.least), Math.min(most, other.most));
        }

        boolean isEmpty() {
            return least > most;
        }

        boolean contains(int count) {
            return least <= count && count <= most;
        }
    }

    /** A schema for the members whose keys have a text of {@code keys} in them. */
    record Pattern(TextAutomaton keys, Part value) {}

    /** Members by key, by patterns of keys, and all others; null for any value. */
    record Members(Map<String, Part> declared, List<Pattern> patterns, Part others) {
        private List<Part> of(String key) {
            return of(declared.get(key), patterns.stream().filter(pattern -> pattern.keys.accepts(key)).toList());
        }

        /** Of a key that is not declared and belongs to these patterns. */
        List<Part> of(List<Pattern> matched) {
            return of(null, matched);
        }

        private List<Part> of(Part own, List<Pattern> matched) {
            List<Part> parts = new ArrayList<>(matched.stream().map(Pattern::value).toList());
            if (own != null || matched.isEmpty()) {
                parts.add(own != null ? own : others);
            }
            return parts.stream().filter(part -> part != null).toList();
        }
    }

    /**
     * What is said of objects.
     *
     * @param members  by schemas
     * @param required keys that there must be
     * @param counts   of members
     * @param names    what keys have to be
     */
    record Objects(List<Members> members, Set<String> required, Range counts, List<Part> names) {
        static final Objects ANY = new Objects(List.of(), Set.of(), Range.ANY, List.of());

        static Objects of(Members members) {
            return new Objects(List.of(members), Set.of(), Range.ANY, List.of());
        }

        static Objects requiring(Set<String> keys) {
            return new Objects(List.of(), keys, Range.ANY, List.of());
        }

        private Objects and(Objects other) {
            return new Objects(joined(members, other.members), union(required, other.required), counts.and(other.counts), joined(names, other.names));
        }
    }

    /**
     * What is said of arrays.
     *
     * @param items     by schemas
     * @param sizes     how many
     * @param contained each of which an item has to satisfy
     * @param unique    the schema that wants no item twice, null if none does
     */
    record Arrays(List<Items> items, Range sizes, List<Part> contained, Part unique) {
        static final Arrays ANY = new Arrays(List.of(), Range.ANY, List.of(), null);

        static Arrays of(Items items) {
            return new Arrays(List.of(items), Range.ANY, List.of(), null);
        }

        static Arrays of(Range sizes) {
            return new Arrays(List.of(), sizes, List.of(), null);
        }

        private Arrays and(Arrays other) {
            return new Arrays(joined(items, other.items), sizes.and(other.sizes), joined(contained, other.contained), unique != null ? unique : other.unique);
        }
    }

    /** The first items, and all others; null for any value. */
    record Items(List<Part> first, Part others) {
        private Part of(int index) {
            return index < first.size() ? first.get(index) : others;
        }
    }

    static Shape ofTypes(Set<Type> types) {
        return new Shape(types, null, Bounds.NONE, Set.of(), List.of(), Range.ANY, Objects.ANY, Arrays.ANY);
    }

    static Shape ofValues(List<JsonNode> values) {
        return new Shape(ANY.types, values, Bounds.NONE, Set.of(), List.of(), Range.ANY, Objects.ANY, Arrays.ANY);
    }

    static Shape ofNumbers(Bounds bounds) {
        return new Shape(ANY.types, null, bounds, Set.of(), List.of(), Range.ANY, Objects.ANY, Arrays.ANY);
    }

    /** Every number that a whole {@code divisor} divides is a whole one. @param divisor without zeros at the end of its fraction */
    static Shape ofMultiples(BigDecimal divisor) {
        return new Shape(divisor.scale() > 0 ? ANY.types : EnumSet.complementOf(EnumSet.of(Type.FRACTION)), null, Bounds.NONE, Set.of(divisor), List.of(), Range.ANY, Objects.ANY, Arrays.ANY);
    }

    static Shape ofStrings(List<TextAutomaton> texts, Range lengths) {
        return new Shape(ANY.types, null, Bounds.NONE, Set.of(), texts, lengths, Objects.ANY, Arrays.ANY);
    }

    static Shape ofObjects(Objects objects) {
        return new Shape(ANY.types, null, Bounds.NONE, Set.of(), List.of(), Range.ANY, objects, Arrays.ANY);
    }

    static Shape ofArrays(Arrays arrays) {
        return new Shape(ANY.types, null, Bounds.NONE, Set.of(), List.of(), Range.ANY, Objects.ANY, arrays);
    }

    Shape and(Shape other) {
        Set<Type> both = EnumSet.copyOf(types);
        both.retainAll(other.types);
        return new Shape(both, common(values, other.values), bounds.and(other.bounds), union(divisors, other.divisors), joined(texts, other.texts), lengths.and(other.lengths),
                objects.and(other.objects), arrays.and(other.arrays));
    }

    private static <T> Set<T> union(Set<T> a, Set<T> b) {
        if (a.isEmpty() || b.isEmpty()) {
            return a.isEmpty() ? b : a;
        }
        var all = new LinkedHashSet<>(a);
        all.addAll(b);
        return all;
    }

    private static <T> List<T> joined(List<T> a, List<T> b) {
        if (a.isEmpty() || b.isEmpty()) {
            return a.isEmpty() ? b : a;
        }
        var all = new ArrayList<>(a);
        all.addAll(b);
        return all;
    }

    private static List<JsonNode> common(List<JsonNode> a, List<JsonNode> b) {
        return a == null ? b : b == null ? a : a.stream().filter(value -> holds(b, value)).toList();
    }

    static boolean holds(Collection<JsonNode> values, JsonNode value) {
        return values.stream().anyMatch(each -> each.equals(Shape::compare, value));
    }

    /** Numbers are equal by value. */
    private static int compare(JsonNode a, JsonNode b) {
        return a.isNumber() && b.isNumber() ? a.decimalValue().compareTo(b.decimalValue()) : a.equals(b) ? 0 : 1;
    }

    /** Keys that are declared or required, in the order in which they are written. */
    Set<String> keys() {
        var keys = new LinkedHashSet<String>();
        objects.members.forEach(each -> keys.addAll(each.declared.keySet()));
        keys.addAll(objects.required);
        return keys;
    }

    /** What the member {@code key} has to satisfy. */
    List<Part> member(String key) {
        return objects.members.stream().flatMap(each -> each.of(key).stream()).toList();
    }

    List<Part> item(int index) {
        return arrays.items.stream().map(each -> each.of(index)).filter(part -> part != null).toList();
    }

    /** How many of the first items are described by themselves. */
    int firstItems() {
        return arrays.items.stream().mapToInt(each -> each.first.size()).max().orElse(0);
    }

    boolean divides(BigDecimal value) {
        return divisors.stream().allMatch(divisor -> value.remainder(divisor).signum() == 0);
    }
}
