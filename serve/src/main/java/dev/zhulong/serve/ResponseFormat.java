package dev.zhulong.serve;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;

/**
 * The form an answer is held to: {@code response_format}, or the calls that {@code tool_choice} forces. A schema is enforced whole or refused, whether the request calls
 * it strict or not.
 */
final class ResponseFormat {
    private static final int LONGEST_SCHEMA = 1 << 18;
    private static final String ANY_OBJECT = "{\"type\": \"object\"}";

    /** Other servers' fields, and OpenAI's of old, that ask for a form: whoever sends them relies on it. */
    private static final List<String> OTHERS = List.of("guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs", "grammar", "json_schema");
    private static final List<String> OLD = List.of("functions", "function_call");

    private final String schema;
    /** Where the schema stands in the request; null where it is put together from {@code tools}. */
    private final String field;

    private ResponseFormat(String schema, String field) {
        this.schema = schema;
        this.field = field;
        if (schema.length() > LONGEST_SCHEMA) {
            String name = field == null ? "tools" : field;
            throw ApiException.invalid(name, name + " has " + schema.length() + " characters, more than the " + LONGEST_SCHEMA + " that are accepted");
        }
    }

    /** Null where anything may be written. */
    static ResponseFormat of(Fields request) {
        refuse(request, OTHERS, "response_format");
        refuse(request, OLD, "tools and tool_choice");
        refuse(request, List.of("min_tokens"), "max_tokens, with \"ignore_eos\": true to go on to it");
        Fields format = request.object("response_format");
        if (format == null) {
            return null;
        }
        return switch (format.required("type")) {
            case "text" -> null;
            // with a schema beside, as llama.cpp's server takes it
            case "json_object" -> format.has("schema") ? schema(format) : new ResponseFormat(ANY_OBJECT, "response_format");
            case "json_schema" -> {
                Fields wanted = format.object("json_schema");
                if (wanted == null) {
                    throw format.wrong("json_schema", "is missing");
                }
                wanted.text("name", "");
                wanted.flag("strict", false);
                yield schema(wanted);
            }
            default -> throw format.wrong("type", "must be \"text\", \"json_object\" or \"json_schema\"");
        };
    }

    private static void refuse(Fields request, List<String> fields, String instead) {
        for (String field : fields) {
            if (request.has(field)) {
                throw request.wrong(field, "is not supported: use " + instead);
            }
        }
    }

    private static ResponseFormat schema(Fields holder) {
        JsonNode schema = holder.get("schema");
        if (schema == null) {
            throw holder.wrong("schema", "is missing");
        }
        if (!schema.isObject() && !schema.isBoolean()) {
            throw holder.wrong("schema", "must be a JSON schema, an object");
        }
        return new ResponseFormat(Json.text(schema), holder.name("schema"));
    }

    /** Of the calls that must be made. */
    static ResponseFormat ofCalls(ToolChoice tools) {
        return new ResponseFormat(tools.schema(), null);
    }

    /**
     * What holds an answer to it.
     *
     * @throws ApiException that names the keyword which is not enforced and where it stands
     */
    Constraints.Lease lease(Constraints constraints, Caller caller) {
        try {
            return constraints.take(schema, caller);
        } catch (IllegalArgumentException e) {
            String name = field == null ? ToolChoice.field(e.getMessage()) : field;
            String message = field == null ? ToolChoice.own(e.getMessage()) : e.getMessage();
            throw ApiException.invalid(name, "invalid_schema", name + ": " + Json.shortened(message, 400));
        }
    }
}
