package dev.zhulong.infer.constrain;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonPointer;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.BooleanNode;
import dev.zhulong.infer.constrain.Shape.Members;
import dev.zhulong.infer.constrain.Shape.Objects;
import dev.zhulong.infer.constrain.Shape.Part;
import dev.zhulong.infer.constrain.Shape.Type;
import java.net.URI;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Reads a schema of the draft 2020-12 as alternatives; refuses every keyword that asserts something and would otherwise not be enforced. */
final class SchemaReader {
    private static final int MOST_ALTERNATIVES = 2000;
    /** Of all schemas of a document together: each takes memory. */
    private static final int MOST_SHAPES = 100_000;
    /** Longer strings and arrays are never demanded, and never written where there is a limit. */
    static final int MOST = 2000;
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
        List<Shape> shapes = List.of(SchemaKeywords.shape(part));
        if (schema.has("$ref")) {
            shapes = product(part, shapes, shapes(target(part)));
        }
        for (Part each : SchemaKeywords.list(part, "allOf")) {
            shapes = product(part, shapes, shapes(each));
        }
        if (schema.has("anyOf")) {
            shapes = product(part, shapes, SchemaKeywords.list(part, "anyOf").stream().flatMap(each -> shapes(each).stream()).toList());
        }
        if (schema.has("oneOf")) {
            exclusive.add(part);
            shapes = product(part, shapes, SchemaKeywords.list(part, "oneOf").stream().flatMap(each -> shapes(each).stream()).toList());
        }
        if (schema.has("not")) {
            shapes = product(part, shapes, not(SchemaKeywords.child(part, "not")));
        }
        if (schema.has("if") && (schema.has("then") || schema.has("else"))) {
            shapes = product(part, shapes, conditional(part));
        }
        for (String key : SchemaKeywords.keys(part, "dependentRequired")) {
            Set<String> others = SchemaKeywords.strings(part, "dependentRequired", schema.get("dependentRequired").get(key));
            shapes = product(part, shapes, depending(part, key, List.of(Shape.ofObjects(Objects.requiring(others)))));
        }
        for (String key : SchemaKeywords.keys(part, "dependentSchemas")) {
            shapes = product(part, shapes, depending(part, key, shapes(Part.of(schema.get("dependentSchemas").get(key), part.pointer() + "/dependentSchemas/" + SchemaKeywords.escape(key)))));
        }
        return shapes;
    }

    /** What satisfies no alternative of {@code part}. */
    private List<Shape> not(Part part) {
        List<Shape> shapes = List.of(Shape.ANY);
        for (Shape each : shapes(part)) {
            shapes = product(part, shapes, Negation.of(each, part));
        }
        return shapes;
    }

    private List<Shape> conditional(Part part) {
        Part condition = SchemaKeywords.child(part, "if");
        List<Shape> all = new ArrayList<>(shapes(condition));
        if (part.schema().has("then")) {
            all = new ArrayList<>(product(part, all, shapes(SchemaKeywords.child(part, "then"))));
        }
        List<Shape> otherwise = not(condition);
        all.addAll(part.schema().has("else") ? product(part, otherwise, shapes(SchemaKeywords.child(part, "else"))) : otherwise);
        return all;
    }

    /** {@code shapes} of objects with a key; others are free. */
    private static List<Shape> depending(Part part, String key, List<Shape> shapes) {
        Part never = Part.of(BooleanNode.FALSE, part.pointer());
        List<Shape> all = new ArrayList<>();
        all.add(Shape.ofObjects(Objects.of(new Members(Map.of(SchemaKeywords.checked(part, key), never), List.of(), null))));
        all.addAll(product(part, List.of(Shape.ofTypes(EnumSet.of(Type.OBJECT)).and(Shape.ofObjects(Objects.requiring(Set.of(key))))), shapes));
        return all;
    }

    /**
     * Makes sure that no value satisfies two branches of a oneOf, after all else has been read: what a branch refers to may hold the oneOf
     * itself.
     */
    void check() {
        while (!exclusive.isEmpty()) {
            Part part = exclusive.removeLast();
            List<Part> branches = SchemaKeywords.list(part, "oneOf");
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

    static IllegalArgumentException error(Part part, String what) {
        return new IllegalArgumentException(JsonText.oneLine("JSON schema at #" + part.pointer() + ": " + what));
    }
}
