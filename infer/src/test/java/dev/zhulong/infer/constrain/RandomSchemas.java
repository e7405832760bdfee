package dev.zhulong.infer.constrain;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.SplittableRandom;

/** Schemas put together at random from every supported keyword; some allow nothing. */
final class RandomSchemas {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String[] KEYS = {"a", "ab", "b", "x y", "q\"uote", "néé", "烛龙", "", "n\nl", "kind"};
    private static final String[] PATTERNS = {"^a+$", "b", "^[^x]{2,4}$", "^(foo|bar\\d{1,3})", "\\s\\S$", "^.$", "[\"\\\\/]", "^\\u70db", "é|^ü",
        "^\\w+(-\\w+)*$"};
    private static final String[] FORMATS = {"date", "date-time", "uuid", "ipv4", "ipv6", "hostname", "duration", "uri"};

    private final SplittableRandom random;

    RandomSchemas(SplittableRandom random) {
        this.random = random;
    }

    ObjectNode document() {
        ObjectNode root = schema(3);
        ObjectNode defs = JSON.createObjectNode();
        defs.set("node", node());
        defs.set("leaf", schema(0));
        root.set("$defs", defs);
        return root;
    }

    /** Recursive. */
    private ObjectNode node() {
        ObjectNode node = JSON.createObjectNode().put("type", "object");
        ObjectNode properties = node.putObject("properties");
        properties.set("value", schema(0));
        properties.putObject("next").put("$ref", "#/$defs/node");
        properties.putObject("children").put("type", "array").set("items", JSON.createObjectNode().put("$ref", "#/$defs/node"));
        node.putArray("required").add("value");
        return node.put("additionalProperties", coin());
    }

    private ObjectNode schema(int depth) {
        ObjectNode schema = JSON.createObjectNode();
        switch (random.nextInt(depth > 0 ? 16 : 9)) {
            case 0 -> schema.put("type", "null");
            case 1 -> schema.put("type", "boolean").put("description", "yes or no");
            case 2 -> whole(schema);
            case 3 -> number(schema);
            case 4, 5 -> string(schema);
            case 6 -> {
                ArrayNode values = schema.putArray("enum");
                values.add("x").add(1.5).add(7).addNull().addArray().add(1).addObject().put("k", "v\"");
                if (coin()) {
                    schema.putArray("type").add("string").add("integer").add("array");
                }
            }
            case 7 -> schema.set("const", random.nextInt(3) == 0 ? JSON.createObjectNode().put("é", 2) : JSON.getNodeFactory().textNode("c\t"));
            case 8 -> {
                if (coin()) {
                    schema.putObject("not").put("type", "array").put("minimum", 3).putArray("enum").add("x").add(4);
                }
                schema.putArray("type").add("string").add("integer").add("null");
                schema.put("maxLength", 3).put("minimum", -3);
            }
            case 9, 10, 11 -> object(schema, depth);
            case 12 -> array(schema, depth);
            case 13 -> {
                ArrayNode options = schema.putArray("anyOf");
                for (int i = random.nextInt(1, 4); i > 0; i--) {
                    options.add(schema(depth - 1));
                }
            }
            case 14 -> combined(schema, depth);
            default -> schema.put("$ref", coin() ? "#/$defs/node" : "#/$defs/leaf");
        }
        return schema;
    }

    private void combined(ObjectNode schema, int depth) {
        if (coin()) {
            ArrayNode all = schema.putArray("allOf");
            object(all.addObject(), depth);
            object(all.addObject(), depth);
            return;
        }
        ArrayNode options = schema.putArray("oneOf");
        for (String kind : new String[] {"one", "two"}) {
            ObjectNode option = options.addObject().put("type", "object");
            option.putObject("properties").set("kind", JSON.createObjectNode().put("const", kind));
            option.withObject("properties").set("more", schema(depth - 1));
            option.putArray("required").add("kind");
            option.put("additionalProperties", coin());
        }
        options.addObject().put("type", "integer").put("maximum", 5);
        options.addObject().put("type", "number").put("exclusiveMinimum", 5);
    }

    private void whole(ObjectNode schema) {
        schema.put("type", "integer");
        int low = random.nextInt(-2000, 2000);
        if (coin()) {
            schema.put(coin() ? "minimum" : "exclusiveMinimum", low);
        }
        if (coin()) {
            schema.put(coin() ? "maximum" : "exclusiveMaximum", low + random.nextInt(3000));
        }
        if (random.nextInt(3) == 0) {
            schema.put("multipleOf", random.nextInt(1, 40));
        }
    }

    private void number(ObjectNode schema) {
        schema.put("type", "number");
        double low = random.nextInt(-2000, 2000) / (coin() ? 1.0 : 100.0);
        if (coin()) {
            schema.put(coin() ? "minimum" : "exclusiveMinimum", low);
        }
        if (coin()) {
            schema.put(coin() ? "maximum" : "exclusiveMaximum", low + random.nextInt(300) / 8.0);
        }
        if (random.nextInt(4) == 0) {
            schema.put("multipleOf", new java.math.BigDecimal("0.25"));
        }
    }

    private void string(ObjectNode schema) {
        schema.put("type", "string");
        switch (random.nextInt(5)) {
            case 0 -> schema.put("format", FORMATS[random.nextInt(FORMATS.length)]);
            case 1, 2 -> schema.put("pattern", PATTERNS[random.nextInt(PATTERNS.length)]);
            default -> { }
        }
        if (!schema.has("format") && random.nextInt(3) == 0) {
            int least = random.nextInt(4);
            schema.put("minLength", least).put("maxLength", least + random.nextInt(5));
        }
    }

    private void object(ObjectNode schema, int depth) {
        schema.put("type", "object");
        ObjectNode properties = JSON.createObjectNode();
        ArrayNode required = JSON.createArrayNode();
        for (int i = random.nextInt(4); i > 0; i--) {
            String key = KEYS[random.nextInt(KEYS.length)];
            if (random.nextInt(12) == 0) {
                properties.put(key, coin());
            } else {
                properties.set(key, schema(depth - 1));
            }
            if (coin() && required.valueStream().noneMatch(each -> each.textValue().equals(key))) {
                required.add(key);
            }
        }
        schema.set("properties", properties);
        schema.set("required", required);
        switch (random.nextInt(3)) {
            case 0 -> schema.put("additionalProperties", false);
            case 1 -> schema.set("additionalProperties", schema(0));
            default -> { }
        }
        switch (random.nextInt(10)) {
            case 0 -> schema.put("minProperties", random.nextInt(1, 4));
            case 1 -> schema.put("maxProperties", random.nextInt(4));
            case 2 -> schema.putObject("patternProperties").set(PATTERNS[random.nextInt(2)], schema(0));
            case 3 -> schema.putObject("propertyNames").put("pattern", PATTERNS[1]);
            case 4 -> schema.putObject("dependentRequired").putArray(KEYS[random.nextInt(4)]).add(KEYS[random.nextInt(4)]);
            case 5 -> schema.putObject("dependentSchemas").putObject(KEYS[random.nextInt(4)]).putArray("required").add(KEYS[random.nextInt(4)]);
            case 6 -> schema.putObject("not").putArray("required").add(KEYS[random.nextInt(4)]);
            case 7 -> {
                schema.putObject("if").putObject("properties").putObject(KEYS[random.nextInt(4)]).put("type", "string");
                schema.putObject(coin() ? "then" : "else").putArray("required").add(KEYS[random.nextInt(4)]);
            }
            default -> { }
        }
    }

    private void array(ObjectNode schema, int depth) {
        schema.put("type", "array").put("uniqueItems", false);
        if (coin()) {
            ArrayNode first = schema.putArray("prefixItems");
            first.add(schema(depth - 1)).add(schema(0));
        }
        if (coin()) {
            schema.set("items", schema(depth - 1));
        }
        if (coin()) {
            schema.put("minItems", random.nextInt(3));
        }
        if (coin()) {
            schema.put("maxItems", random.nextInt(2, 5));
        }
        switch (random.nextInt(6)) {
            case 0 -> schema.putObject("contains").put("type", coin() ? "integer" : "null");
            case 1 -> {
                schema.remove("prefixItems");
                schema.put("uniqueItems", true).putObject("items").putArray("enum").add(1).add("b").addNull().add(2.5);
            }
            default -> { }
        }
    }

    private boolean coin() {
        return random.nextBoolean();
    }
}
