package dev.zhulong.serve;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.infer.constrain.Constraint;

/** The form an answer is held to: {@code response_format}, or the calls that {@code tool_choice} forces. */
final class ResponseFormat {
    private static final int LONGEST_SCHEMA = 1 << 18;
    private static final String ANY_OBJECT = "{\"type\": \"object\"}";

    private ResponseFormat() {}

    /** Null where anything may be written. */
    static Constraint of(Fields request, ServedModel model) {
        Fields format = request.object("response_format");
        if (format == null) {
            return null;
        }
        return switch (format.required("type")) {
            case "text" -> null;
            case "json_object" -> model.jsonSchema(ANY_OBJECT);
            case "json_schema" -> schema(format, model);
            default -> throw format.wrong("type", "must be \"text\", \"json_object\" or \"json_schema\"");
        };
    }

    private static Constraint schema(Fields format, ServedModel model) {
        Fields wanted = format.object("json_schema");
        if (wanted == null) {
            throw format.wrong("json_schema", "is missing");
        }
        wanted.text("name", "");
        JsonNode schema = wanted.get("schema");
        if (schema == null) {
            throw wanted.wrong("schema", "is missing");
        }
        if (!schema.isObject() && !schema.isBoolean()) {
            throw wanted.wrong("schema", "must be a JSON schema, an object");
        }
        try {
            return compiled(Json.text(schema), wanted.name("schema"), model);
        } catch (ApiException e) {
            if (wanted.flag("strict", false)) {
                throw e;
            }
            return model.jsonSchema(ANY_OBJECT);
        }
    }

    /** What holds an answer to the calls that must be made. */
    static Constraint calls(ToolChoice tools, ServedModel model) {
        String exact = tools.schema(false);
        try {
            return compiled(exact, "tools", model);
        } catch (ApiException e) {
            String loose = tools.schema(true);
            if (loose.equals(exact)) {
                throw e;
            }
            return compiled(loose, "tools", model);
        }
    }

    private static Constraint compiled(String schema, String name, ServedModel model) {
        if (schema.length() > LONGEST_SCHEMA) {
            throw ApiException.invalid(name, name + " has " + schema.length() + " characters, more than the " + LONGEST_SCHEMA + " that are accepted");
        }
        try {
            return model.jsonSchema(schema);
        } catch (IllegalArgumentException e) {
            throw ApiException.invalid(name, "invalid_schema", name + ": " + Json.shortened(e.getMessage(), 400));
        }
    }
}
