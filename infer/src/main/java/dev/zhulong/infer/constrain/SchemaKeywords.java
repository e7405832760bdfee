package dev.zhulong.infer.constrain;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.TextNode;
import dev.zhulong.infer.constrain.Numbers.Bounds;
import dev.zhulong.infer.constrain.Shape.Arrays;
import dev.zhulong.infer.constrain.Shape.Items;
import dev.zhulong.infer.constrain.Shape.Members;
import dev.zhulong.infer.constrain.Shape.Objects;
import dev.zhulong.infer.constrain.Shape.Part;
import dev.zhulong.infer.constrain.Shape.Pattern;
import dev.zhulong.infer.constrain.Shape.Range;
import dev.zhulong.infer.constrain.Shape.Type;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What each keyword of a schema says by itself, and which keywords are refused. */
final class SchemaKeywords {
    /** Keywords that are enforced. */
    private static final Set<String> ENFORCED = Set.of("type", "enum", "const", "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf", "minLength",
            "maxLength", "pattern", "format", "required", "minItems", "maxItems", "properties", "patternProperties", "additionalProperties", "propertyNames", "minProperties", "maxProperties",
            "prefixItems", "items", "contains", "minContains", "uniqueItems", "dependentRequired", "dependentSchemas", "$ref", "allOf", "anyOf", "oneOf", "not", "if", "then", "else");
    /**
     * Keywords that assert something in the draft 2020-12, or did in one before it, or do in OpenAPI 3.0, and are not enforced. {@code then} and {@code else}
     * assert nothing without {@code if}, nor {@code minContains} and {@code maxContains} without {@code contains}; every other keyword asserts nothing at all.
     */
    private static final Set<String> REFUSED = Set.of("unevaluatedProperties", "unevaluatedItems", "maxContains", "$dynamicRef", "$recursiveRef", "dependencies", "additionalItems", "divisibleBy",
            "disallow", "extends", "nullable");
    /** Keywords that decide which values are valid: two schemas that have the same of them are the same. */
    static final Set<String> ASSERTIONS = Stream.concat(ENFORCED.stream(), REFUSED.stream()).collect(Collectors.toUnmodifiableSet());
    /** How a number is stored, by the names of OpenAPI's registry of formats: the bits of whole ones. */
    private static final Map<String, Integer> WHOLE_FORMATS = Map.of("int8", 7, "int16", 15, "int32", 31, "int64", 63);
    private static final int LARGEST_DIVISOR = 1000;
    /** Digits after the point of a divisor. */
    private static final int LONGEST_FRACTION = 6;
    private static final int LONGEST_KEY = 500;

    private SchemaKeywords() {}

    /** What the keywords say that a schema does not leave to other schemas. */
    static Shape shape(Part part) {
        Shape shape = Shape.ANY;
        for (Map.Entry<String, JsonNode> keyword : part.schema().properties()) {
            shape = shape.and(own(part, keyword.getKey(), keyword.getValue()));
        }
        if (part.schema().has("properties") || part.schema().has("patternProperties") || part.schema().has("additionalProperties")) {
            shape = shape.and(Shape.ofObjects(Objects.of(new Members(declared(part), patterns(part), child(part, "additionalProperties")))));
        }
        if (part.schema().has("prefixItems") || part.schema().has("items")) {
            if (part.schema().path("items").isArray()) {
                throw SchemaReader.error(part, "items: a list of schemas is an older draft's form, use prefixItems");
            }
            shape = shape.and(Shape.ofArrays(Arrays.of(new Items(list(part, "prefixItems"), child(part, "items")))));
        }
        return shape;
    }

    private static Shape own(Part part, String keyword, JsonNode value) {
        return switch (keyword) {
            case "type" -> types(part, value);
            case "enum" -> {
                if (!value.isArray()) {
                    throw SchemaReader.error(part, "enum: expected a list of values");
                }
                yield Shape.ofValues(value.valueStream().toList());
            }
            case "const" -> Shape.ofValues(List.of(value));
            case "minimum" -> bounds(part, new Bounds(decimal(part, keyword, value), false, null, false));
            case "exclusiveMinimum" -> bounds(part, new Bounds(decimal(part, keyword, value), true, null, false));
            case "maximum" -> bounds(part, new Bounds(null, false, decimal(part, keyword, value), false));
            case "exclusiveMaximum" -> bounds(part, new Bounds(null, false, decimal(part, keyword, value), true));
            case "multipleOf" -> divisor(part, value);
            case "minLength" -> Shape.ofStrings(List.of(), new Range(least(part, keyword, value), Integer.MAX_VALUE));
            case "maxLength" -> Shape.ofStrings(List.of(), new Range(0, count(part, keyword, value)));
            case "pattern" -> Shape.ofStrings(List.of(pattern(part, value)), Range.ANY);
            case "format" -> format(part, value);
            case "required" -> Shape.ofObjects(Objects.requiring(strings(part, keyword, value)));
            case "minProperties" -> counts(new Range(least(part, keyword, value), Integer.MAX_VALUE));
            case "maxProperties" -> counts(new Range(0, count(part, keyword, value)));
            case "propertyNames" -> Shape.ofObjects(new Objects(List.of(), Set.of(), Range.ANY, List.of(child(part, keyword))));
            case "minItems" -> Shape.ofArrays(Arrays.of(new Range(least(part, keyword, value), Integer.MAX_VALUE)));
            case "maxItems" -> Shape.ofArrays(Arrays.of(new Range(0, count(part, keyword, value))));
            case "contains" -> contains(part);
            case "uniqueItems" -> unique(part, value);
            default -> {
                if (REFUSED.contains(keyword) && !assertsNothing(part, keyword, value)) {
                    throw SchemaReader.error(part, "the keyword " + keyword + " is not supported" + (keyword.equals("nullable") ? ": add \"null\" to type instead" : ""));
                }
                yield Shape.ANY;
            }
        };
    }

    private static Shape types(Part part, JsonNode value) {
        var types = EnumSet.noneOf(Type.class);
        for (JsonNode each : value.isArray() ? value : List.of(value)) {
            switch (each.asText()) {
                case "null" -> types.add(Type.NULL);
                case "boolean" -> types.add(Type.BOOLEAN);
                case "integer" -> types.add(Type.WHOLE);
                case "number" -> types.addAll(List.of(Type.WHOLE, Type.FRACTION));
                case "string" -> types.add(Type.STRING);
                case "array" -> types.add(Type.ARRAY);
                case "object" -> types.add(Type.OBJECT);
                default -> throw SchemaReader.error(part, "type: expected null, boolean, integer, number, string, array or object, found " + each);
            }
        }
        return Shape.ofTypes(types);
    }

    private static Shape bounds(Part part, Bounds bounds) {
        if (bounds.isUnwieldy()) {
            throw SchemaReader.error(part, "a bound with more than 40 digits");
        }
        return Shape.ofNumbers(bounds);
    }

    private static Shape divisor(Part part, JsonNode value) {
        BigDecimal divisor = value.isNumber() ? value.decimalValue().stripTrailingZeros() : BigDecimal.ZERO;
        divisor = divisor.scale() < 0 && divisor.scale() > -LONGEST_FRACTION ? divisor.setScale(0) : divisor;
        if (divisor.signum() <= 0 || divisor.scale() < 0 || divisor.scale() > LONGEST_FRACTION || divisor.unscaledValue().compareTo(BigInteger.valueOf(LARGEST_DIVISOR)) > 0) {
            throw SchemaReader.error(part, "multipleOf: only numbers from 1 to " + LARGEST_DIVISOR + " are supported, or these with a point before at most " + LONGEST_FRACTION + " of their digits, found " + value);
        }
        return Shape.ofMultiples(divisor);
    }

    static Set<String> strings(Part part, String keyword, JsonNode value) {
        if (!value.isArray() || value.valueStream().anyMatch(each -> !each.isTextual())) {
            throw SchemaReader.error(part, keyword + ": expected a list of strings");
        }
        var keys = new LinkedHashSet<String>();
        value.forEach(each -> keys.add(checked(part, each.textValue())));
        return keys;
    }

    private static Shape counts(Range counts) {
        return Shape.ofObjects(new Objects(List.of(), Set.of(), counts, List.of()));
    }

    private static Shape contains(Part part) {
        JsonNode least = part.schema().path("minContains");
        int times = least.isMissingNode() ? 1 : count(part, "minContains", least);
        if (times > 1) {
            throw SchemaReader.error(part, "minContains: only 0 and 1 are supported, found " + least);
        }
        return times == 0 ? Shape.ANY : Shape.ofArrays(new Arrays(List.of(), Range.ANY, List.of(child(part, "contains")), null));
    }

    private static Shape unique(Part part, JsonNode value) {
        if (!value.isBoolean()) {
            throw SchemaReader.error(part, "uniqueItems: expected true or false, found " + value);
        }
        return value.booleanValue() ? Shape.ofArrays(new Arrays(List.of(), Range.ANY, List.of(), part)) : Shape.ANY;
    }

    private static List<Pattern> patterns(Part part) {
        List<Pattern> patterns = new ArrayList<>();
        for (String key : keys(part, "patternProperties")) {
            Part value = Part.of(part.schema().get("patternProperties").get(key), part.pointer() + "/patternProperties/" + escape(key));
            patterns.add(new Pattern(pattern(part, TextNode.valueOf(key)), value));
        }
        return patterns;
    }

    private static TextAutomaton pattern(Part part, JsonNode value) {
        if (!value.isTextual()) {
            throw SchemaReader.error(part, "pattern: expected a string");
        }
        try {
            return TextAutomaton.of(RegexParser.within(value.textValue()));
        } catch (IllegalArgumentException e) {
            throw SchemaReader.error(part, "pattern: " + e.getMessage());
        }
    }

    /** Whether a keyword that is not enforced says nothing here. */
    private static boolean assertsNothing(Part part, String keyword, JsonNode value) {
        return keyword.equals("nullable") && value.isBoolean() && !value.booleanValue() || keyword.equals("maxContains") && !part.schema().has("contains");
    }

    private static Shape format(Part part, JsonNode value) {
        TextAutomaton format = value.isTextual() ? Formats.of(value.textValue()) : null;
        if (format != null) {
            return Shape.ofStrings(List.of(format), Range.ANY);
        }
        JsonNode type = part.schema().get("type");
        if (type == null || !value.isTextual() || types(part, type).types().contains(Type.STRING)) {
            throw SchemaReader.error(part, "format: supported are " + Formats.names() + ", found " + value);
        }
        Integer bits = WHOLE_FORMATS.get(value.textValue());
        if (bits == null) {
            return Shape.ANY;
        }
        BigDecimal end = BigDecimal.TWO.pow(bits);
        return Shape.ofNumbers(new Bounds(end.negate(), false, end, true));
    }

    private static BigDecimal decimal(Part part, String keyword, JsonNode value) {
        if (!value.isNumber()) {
            throw SchemaReader.error(part, keyword + ": expected a number, found " + value);
        }
        return value.decimalValue();
    }

    private static int count(Part part, String keyword, JsonNode value) {
        if (!value.isNumber() || value.decimalValue().signum() < 0 || value.decimalValue().stripTrailingZeros().scale() > 0) {
            throw SchemaReader.error(part, keyword + ": expected a whole number of at least 0, found " + value);
        }
        return value.decimalValue().min(BigDecimal.valueOf(Integer.MAX_VALUE)).intValue();
    }

    private static int least(Part part, String keyword, JsonNode value) {
        int count = count(part, keyword, value);
        if (count > SchemaReader.MOST) {
            throw SchemaReader.error(part, keyword + ": more than " + SchemaReader.MOST + " is not supported, found " + value);
        }
        return count;
    }

    private static Map<String, Part> declared(Part part) {
        JsonNode properties = part.schema().path("properties");
        if (!properties.isObject() && !properties.isMissingNode()) {
            throw SchemaReader.error(part, "properties: expected an object of schemas");
        }
        Map<String, Part> parts = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> each : properties.properties()) {
            parts.put(checked(part, each.getKey()), Part.of(each.getValue(), part.pointer() + "/properties/" + escape(each.getKey())));
        }
        return parts;
    }

    static String checked(Part part, String key) {
        if (key.length() > LONGEST_KEY) {
            throw SchemaReader.error(part, "a key of more than " + LONGEST_KEY + " characters");
        }
        if (key.codePoints().anyMatch(c -> c >= 0xD800 && c <= 0xDFFF)) {
            throw SchemaReader.error(part, "a key with half of a surrogate pair");
        }
        return key;
    }

    static Part child(Part part, String keyword) {
        JsonNode schema = part.schema().get(keyword);
        return schema == null ? null : Part.of(schema, part.pointer() + "/" + keyword);
    }

    static List<Part> list(Part part, String keyword) {
        JsonNode list = part.schema().path(keyword);
        if (!list.isMissingNode() && (!list.isArray() || list.isEmpty())) {
            throw SchemaReader.error(part, keyword + ": expected a list of schemas that is not empty");
        }
        var parts = new ArrayList<Part>();
        for (int i = 0; i < list.size(); i++) {
            parts.add(Part.of(list.get(i), part.pointer() + "/" + keyword + "/" + i));
        }
        return parts;
    }

    static String escape(String key) {
        return key.replace("~", "~0").replace("/", "~1");
    }

    static List<String> keys(Part part, String keyword) {
        JsonNode node = part.schema().path(keyword);
        if (!node.isObject() && !node.isMissingNode()) {
            throw SchemaReader.error(part, keyword + ": expected an object");
        }
        return node.propertyStream().map(Map.Entry::getKey).toList();
    }
}
