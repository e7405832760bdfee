package dev.zhulong.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The fields of a JSON object in a request, by type and bounds; what is missing and what is null are the same. */
final class Fields {
    private final ObjectNode tree;
    private final String path;

    private Fields(ObjectNode tree, String path) {
        this.tree = tree;
        this.path = path;
    }

    static Fields of(ObjectNode body) {
        return new Fields(body, "");
    }

    /** {@code node} as an object, called {@code name} here. */
    static Fields of(JsonNode node, String name) {
        if (!(node instanceof ObjectNode object)) {
            throw ApiException.invalid(name, name + " must be an object");
        }
        return new Fields(object, name + ".");
    }

    /** The same chat with one thing more said by the user. */
    Fields saying(String text) {
        ObjectNode copy = tree.deepCopy();
        copy.withArray("messages").addObject().put("role", "user").put("content", text == null ? "Write your last answer again, otherwise." : text);
        return new Fields(copy, path);
    }

    /** The object but for some of its fields. */
    ObjectNode without(List<String> fields) {
        ObjectNode copy = tree.deepCopy();
        copy.remove(fields);
        return copy;
    }

    /** What a field is called in messages. */
    String name(String field) {
        return path + field;
    }

    boolean has(String field) {
        return get(field) != null;
    }

    /** Null where there is none. */
    JsonNode get(String field) {
        JsonNode node = tree.get(field);
        return node == null || node.isNull() ? null : node;
    }

    /** The first of two names that is there: OpenAI's API renamed some. */
    String either(String field, String former) {
        return has(field) ? field : former;
    }

    String text(String field, String otherwise) {
        JsonNode node = get(field);
        if (node == null) {
            return otherwise;
        }
        if (!node.isTextual()) {
            throw wrong(field, "must be a string");
        }
        return node.textValue();
    }

    String required(String field) {
        String text = text(field, null);
        if (text == null) {
            throw wrong(field, "is missing");
        }
        return text;
    }

    boolean flag(String field, boolean otherwise) {
        JsonNode node = get(field);
        if (node == null) {
            return otherwise;
        }
        if (!node.isBoolean()) {
            throw wrong(field, "must be true or false");
        }
        return node.booleanValue();
    }

    /** A number between two bounds; {@code otherwise} may be null. */
    Double number(String field, double least, double most, Double otherwise) {
        JsonNode node = get(field);
        if (node == null) {
            return otherwise;
        }
        double value = node.isNumber() ? node.doubleValue() : Double.NaN;
        if (!(value >= least && value <= most)) {
            throw wrong(field, String.format(Locale.ROOT, "must be a number from %s to %s", plain(least), plain(most)));
        }
        return value;
    }

    private static String plain(double value) {
        return value == Math.rint(value) ? Long.toString((long) value) : Double.toString(value);
    }

    /** A whole number between two bounds; {@code otherwise} may be null. */
    Long integer(String field, long least, long most, Long otherwise) {
        JsonNode node = get(field);
        if (node == null) {
            return otherwise;
        }
        // 5.0 is one too: clients whose numbers are all doubles write it so
        boolean whole = node.isIntegralNumber() && node.canConvertToLong() || node.isFloatingPointNumber() && Math.rint(node.doubleValue()) == node.doubleValue() && Math.abs(node.doubleValue()) <= 1L << 53;
        if (!whole || node.longValue() < least || node.longValue() > most) {
            throw wrong(field, "must be a whole number from " + least + " to " + most);
        }
        return node.longValue();
    }

    /** An object inside; null where there is none. */
    Fields object(String field) {
        JsonNode node = get(field);
        return node == null ? null : of(node, name(field));
    }

    /** The elements of an array, at most so many; empty where there is none. */
    List<JsonNode> list(String field, int most) {
        JsonNode node = get(field);
        if (node == null) {
            return List.of();
        }
        if (!node.isArray()) {
            throw wrong(field, "must be an array");
        }
        if (node.size() > most) {
            throw wrong(field, "has " + node.size() + " elements, more than the " + most + " that are accepted");
        }
        List<JsonNode> elements = new ArrayList<>(node.size());
        node.forEach(elements::add);
        return elements;
    }

    /** A string or an array of strings. */
    List<String> texts(String field, int most) {
        JsonNode node = get(field);
        if (node != null && node.isTextual()) {
            return List.of(text(field, null));
        }
        List<String> texts = new ArrayList<>();
        for (JsonNode element : list(field, most)) {
            if (!element.isTextual()) {
                throw wrong(field, "must be a string or an array of strings");
            }
            texts.add(element.textValue());
        }
        return texts;
    }

    /** The error that says what is wrong with a field. */
    ApiException wrong(String field, String message) {
        return ApiException.invalid(name(field), name(field) + " " + message);
    }
}
