package dev.zhulong.infer.constrain;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonPointer;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.infer.constrain.Numbers.Bounds;
import dev.zhulong.infer.constrain.Shape.Items;
import dev.zhulong.infer.constrain.Shape.Members;
import dev.zhulong.infer.constrain.Shape.Part;
import dev.zhulong.infer.constrain.Shape.Range;
import dev.zhulong.infer.constrain.Shape.Type;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.net.URI;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Reads a schema of the draft 2020-12 as alternatives; refuses every keyword that asserts something and would otherwise not be enforced. */
final class SchemaReader {
    /** Keywords that are enforced. */
    private static final Set<String> ENFORCED = Set.of("type", "enum", "const", "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf", "minLength",
            "maxLength", "pattern", "format", "required", "minItems", "maxItems", "properties", "additionalProperties", "prefixItems", "items", "$ref", "allOf", "anyOf", "oneOf");
    /**
     * Keywords that assert something in the draft 2020-12, or did in one before it, or do in OpenAPI 3.0, and are not enforced. {@code then} and {@code else}
     * assert nothing without {@code if}, nor {@code minContains} and {@code maxContains} without {@code contains}; every other keyword asserts nothing at all.
     */
    private static final Set<String> REFUSED = Set.of("not", "if", "dependentSchemas", "dependentRequired", "patternProperties", "propertyNames", "minProperties",
            "maxProperties", "unevaluatedProperties", "contains", "unevaluatedItems", "uniqueItems", "$dynamicRef", "$recursiveRef", "dependencies", "additionalItems", "divisibleBy",
            "disallow", "extends", "nullable");
    /** Keywords that decide which values are valid: two schemas that have the same of them are the same. */
    static final Set<String> ASSERTIONS = Stream.concat(ENFORCED.stream(), REFUSED.stream()).collect(Collectors.toUnmodifiableSet());
    /** How a number is stored, by the names of OpenAPI's registry of formats: the bits of whole ones. */
    private static final Map<String, Integer> WHOLE_FORMATS = Map.of("int8", 7, "int16", 15, "int32", 31, "int64", 63);
    private static final int MOST_ALTERNATIVES = 2000;
    /** Of all schemas of a document together: each takes memory. */
    private static final int MOST_SHAPES = 100_000;
    /** Longer strings and arrays are never demanded, and never written where there is a limit. */
    static final int MOST = 2000;
    private static final int LARGEST_DIVISOR = 1000;
    /** Digits after the point of a divisor. */
    private static final int LONGEST_FRACTION = 6;
    private static final int LONGEST_KEY = 500;

    private static final ObjectMapper JSON = new ObjectMapper()
            .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS);

    private final Part root;
    private final Map<Part, List<Shape>> read = new HashMap<>();
    private final Set<Part> reading = new HashSet<>();
    private final List<Part> exclusive = new ArrayList<>();
    private int shapesRead;

    private SchemaReader(JsonNode root) {
        this.root = Part.of(root, "");
    }

    /** @throws IllegalArgumentException if it is not JSON */
    static SchemaReader parse(String schema) {
        try {
            return new SchemaReader(JSON.readTree(schema));
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("the JSON schema is not JSON: " + e.getOriginalMessage().lines().findFirst().orElse("")
                    + (e.getLocation() == null ? "" : " (line " + e.getLocation().getLineNr() + ")"), e);
        }
    }

    Part root() {
        return root;
    }

    /** The alternatives of a value that satisfies all of {@code parts}; none if there is no such value. */
    List<Shape> shapes(List<Part> parts) {
        List<Shape> shapes = List.of(Shape.ANY);
        for (Part part : parts) {
            shapes = product(part, shapes, shapes(part));
        }
        return shapes;
    }

    private List<Shape> shapes(Part part) {
        List<Shape> known = read.get(part);
        if (known != null) {
            return known;
        }
        if (!reading.add(part)) {
            throw error(part, "the schema refers to itself without a value in between");
        }
        List<Shape> shapes = read(part);
        shapesRead += shapes.size();
        if (shapesRead > MOST_SHAPES) {
            throw error(part, "the schema makes more than " + MOST_SHAPES + " alternatives in all");
        }
        reading.remove(part);
        read.put(part, shapes);
        return shapes;
    }

    private List<Shape> read(Part part) {
        JsonNode schema = part.schema();
        if (schema.isBoolean()) {
            return schema.booleanValue() ? List.of(Shape.ANY) : List.of();
        }
        if (!schema.isObject()) {
            throw error(part, "a schema is an object, true or false");
        }
        List<Shape> shapes = List.of(own(part));
        if (schema.has("$ref")) {
            shapes = product(part, shapes, shapes(target(part)));
        }
        for (Part each : list(part, "allOf")) {
            shapes = product(part, shapes, shapes(each));
        }
        if (schema.has("anyOf")) {
            shapes = product(part, shapes, list(part, "anyOf").stream().flatMap(each -> shapes(each).stream()).toList());
        }
        if (schema.has("oneOf")) {
            exclusive.add(part);
            shapes = product(part, shapes, list(part, "oneOf").stream().flatMap(each -> shapes(each).stream()).toList());
        }
        return shapes;
    }

    /**
     * Makes sure that no value satisfies two branches of a oneOf, after all else has been read: what a branch refers to may hold the oneOf
     * itself.
     */
    void check() {
        while (!exclusive.isEmpty()) {
            Part part = exclusive.removeLast();
            List<Part> branches = list(part, "oneOf");
            for (int i = 0; i < branches.size(); i++) {
                for (int j = 0; j < i; j++) {
                    if (!Disjoint.of(this, shapes(branches.get(j)), shapes(branches.get(i)))) {
                        throw error(part, "oneOf: a value may satisfy both branch " + j + " and branch " + i
                                + ", or that it cannot is not seen; tell them apart by type or by a required property with const, or use anyOf");
                    }
                }
            }
        }
    }

    private static List<Shape> product(Part part, List<Shape> some, List<Shape> others) {
        if ((long) some.size() * others.size() > MOST_ALTERNATIVES) {
            throw error(part, "allOf, anyOf and oneOf together make more than " + MOST_ALTERNATIVES + " alternatives");
        }
        var all = new ArrayList<Shape>();
        for (Shape a : some) {
            for (Shape b : others) {
                Shape both = a.and(b);
                if (!both.types().isEmpty() && (both.values() == null || !both.values().isEmpty())) {
                    all.add(both);
                }
            }
        }
        return all;
    }

    private Part target(Part part) {
        JsonNode ref = part.schema().get("$ref");
        String text = ref.asText();
        if (!ref.isTextual() || !text.equals("#") && !text.startsWith("#/")) {
            throw error(part, "$ref: only references within the document, #/..., are supported, found " + ref);
        }
        try {
            JsonPointer pointer = JsonPointer.compile(URI.create(text).getFragment());
            JsonNode found = root.schema().at(pointer);
            if (!found.isMissingNode()) {
                return Part.of(found, pointer.toString());
            }
        } catch (IllegalArgumentException e) {
            throw error(part, "$ref: " + ref + " is malformed");
        }
        throw error(part, "$ref: there is nothing at " + ref);
    }

    /** What the keywords say that a schema does not leave to other schemas. */
    private Shape own(Part part) {
        Shape shape = Shape.ANY;
        for (Map.Entry<String, JsonNode> keyword : part.schema().properties()) {
            shape = shape.and(own(part, keyword.getKey(), keyword.getValue()));
        }
        if (part.schema().has("properties") || part.schema().has("additionalProperties")) {
            shape = shape.and(Shape.ofObjects(List.of(new Members(declared(part), child(part, "additionalProperties"))), Set.of()));
        }
        if (part.schema().has("prefixItems") || part.schema().has("items")) {
            if (part.schema().path("items").isArray()) {
                throw error(part, "items: a list of schemas is an older draft's form, use prefixItems");
            }
            shape = shape.and(Shape.ofArrays(List.of(new Items(list(part, "prefixItems"), child(part, "items"))), Range.ANY));
        }
        return shape;
    }

    private Shape own(Part part, String keyword, JsonNode value) {
        return switch (keyword) {
            case "type" -> types(part, value);
            case "enum" -> {
                if (!value.isArray()) {
                    throw error(part, "enum: expected a list of values");
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
            case "required" -> required(part, value);
            case "minItems" -> Shape.ofArrays(List.of(), new Range(least(part, keyword, value), Integer.MAX_VALUE));
            case "maxItems" -> Shape.ofArrays(List.of(), new Range(0, count(part, keyword, value)));
            case "properties", "additionalProperties", "prefixItems", "items", "$ref", "allOf", "anyOf", "oneOf" -> Shape.ANY;
            default -> {
                if (REFUSED.contains(keyword) && !assertsNothing(keyword, value)) {
                    throw error(part, "the keyword " + keyword + " is not supported" + (keyword.equals("nullable") ? ": add \"null\" to type instead" : ""));
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
                default -> throw error(part, "type: expected null, boolean, integer, number, string, array or object, found " + each);
            }
        }
        return Shape.ofTypes(types);
    }

    private static Shape bounds(Part part, Bounds bounds) {
        if (bounds.isUnwieldy()) {
            throw error(part, "a bound with more than 40 digits");
        }
        return Shape.ofNumbers(bounds);
    }

    private static Shape divisor(Part part, JsonNode value) {
        BigDecimal divisor = value.isNumber() ? value.decimalValue().stripTrailingZeros() : BigDecimal.ZERO;
        divisor = divisor.scale() < 0 && divisor.scale() > -LONGEST_FRACTION ? divisor.setScale(0) : divisor;
        if (divisor.signum() <= 0 || divisor.scale() < 0 || divisor.scale() > LONGEST_FRACTION || divisor.unscaledValue().compareTo(BigInteger.valueOf(LARGEST_DIVISOR)) > 0) {
            throw error(part, "multipleOf: only numbers from 1 to " + LARGEST_DIVISOR + " are supported, or these with a point before at most " + LONGEST_FRACTION + " of their digits, found " + value);
        }
        return Shape.ofMultiples(divisor);
    }

    private static Shape required(Part part, JsonNode value) {
        if (!value.isArray() || value.valueStream().anyMatch(each -> !each.isTextual())) {
            throw error(part, "required: expected a list of strings");
        }
        var keys = new LinkedHashSet<String>();
        value.forEach(each -> keys.add(checked(part, each.textValue())));
        return Shape.ofObjects(List.of(), keys);
    }

    private static TextAutomaton pattern(Part part, JsonNode value) {
        if (!value.isTextual()) {
            throw error(part, "pattern: expected a string");
        }
        try {
            return TextAutomaton.of(RegexParser.within(value.textValue()));
        } catch (IllegalArgumentException e) {
            throw error(part, "pattern: " + e.getMessage());
        }
    }

    /** Whether a keyword that is not enforced has a value that every value satisfies. */
    private static boolean assertsNothing(String keyword, JsonNode value) {
        return switch (keyword) {
            case "uniqueItems", "nullable" -> value.isBoolean() && !value.booleanValue();
            case "minProperties" -> value.isNumber() && value.decimalValue().signum() == 0;
            // names are strings anyway, and say so in the schemas of records that zod makes
            case "propertyNames" -> value.isObject() && value.path("type").asText("string").equals("string")
                    && value.propertyStream().map(Map.Entry::getKey).noneMatch(each -> ASSERTIONS.contains(each) && !each.equals("type"));
            default -> false;
        };
    }

    private static Shape format(Part part, JsonNode value) {
        TextAutomaton format = value.isTextual() ? Formats.of(value.textValue()) : null;
        if (format != null) {
            return Shape.ofStrings(List.of(format), Range.ANY);
        }
        JsonNode type = part.schema().get("type");
        if (type == null || !value.isTextual() || types(part, type).types().contains(Type.STRING)) {
            throw error(part, "format: supported are " + Formats.names() + ", found " + value);
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
            throw error(part, keyword + ": expected a number, found " + value);
        }
        return value.decimalValue();
    }

    private static int count(Part part, String keyword, JsonNode value) {
        if (!value.isNumber() || value.decimalValue().signum() < 0 || value.decimalValue().stripTrailingZeros().scale() > 0) {
            throw error(part, keyword + ": expected a whole number of at least 0, found " + value);
        }
        return value.decimalValue().min(BigDecimal.valueOf(Integer.MAX_VALUE)).intValue();
    }

    private static int least(Part part, String keyword, JsonNode value) {
        int count = count(part, keyword, value);
        if (count > MOST) {
            throw error(part, keyword + ": more than " + MOST + " is not supported, found " + value);
        }
        return count;
    }

    private static Map<String, Part> declared(Part part) {
        JsonNode properties = part.schema().path("properties");
        if (!properties.isObject() && !properties.isMissingNode()) {
            throw error(part, "properties: expected an object of schemas");
        }
        Map<String, Part> parts = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> each : properties.properties()) {
            parts.put(checked(part, each.getKey()), Part.of(each.getValue(), part.pointer() + "/properties/" + escape(each.getKey())));
        }
        return parts;
    }

    private static String checked(Part part, String key) {
        if (key.length() > LONGEST_KEY) {
            throw error(part, "a key of more than " + LONGEST_KEY + " characters");
        }
        if (key.codePoints().anyMatch(c -> c >= 0xD800 && c <= 0xDFFF)) {
            throw error(part, "a key with half of a surrogate pair");
        }
        return key;
    }

    private static Part child(Part part, String keyword) {
        JsonNode schema = part.schema().get(keyword);
        return schema == null ? null : Part.of(schema, part.pointer() + "/" + keyword);
    }

    private static List<Part> list(Part part, String keyword) {
        JsonNode list = part.schema().path(keyword);
        if (!list.isMissingNode() && (!list.isArray() || list.isEmpty())) {
            throw error(part, keyword + ": expected a list of schemas that is not empty");
        }
        var parts = new ArrayList<Part>();
        for (int i = 0; i < list.size(); i++) {
            parts.add(Part.of(list.get(i), part.pointer() + "/" + keyword + "/" + i));
        }
        return parts;
    }

    private static String escape(String key) {
        return key.replace("~", "~0").replace("/", "~1");
    }

    static IllegalArgumentException error(Part part, String what) {
        return new IllegalArgumentException(JsonText.oneLine("JSON schema at #" + part.pointer() + ": " + what));
    }
}
