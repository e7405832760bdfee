package dev.zhulong.data.tune;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.Optional;

/** JSON inside a field: cells of CSV and Parquet hold lists as text, tool calls their arguments. */
final class Json {
    private static final ObjectMapper MAPPER = JsonMapper.builder()
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
            .build();

    private Json() { }

    /** The value a text spells, if it is an array or an object. */
    static Optional<JsonNode> container(String text) {
        String stripped = text.strip();
        if (!stripped.startsWith("[") && !stripped.startsWith("{")) {
            return Optional.empty();
        }
        try {
            return Optional.of(MAPPER.readTree(stripped));
        } catch (JsonProcessingException e) {
            return Optional.empty();
        }
    }

    /** The array or object a node is or spells, else the node. */
    static JsonNode unfolded(JsonNode node) {
        return node.isTextual() ? container(node.textValue()).orElse(node) : node;
    }

    /** Text of a scalar. */
    static String text(JsonNode node, String field) {
        if (node.isMissingNode() || node.isNull()) {
            throw new RowRefused("no field '" + field + "'", "");
        }
        if (node.isContainerNode()) {
            throw new RowRefused("field '" + field + "' is not text", "found " + (node.isArray() ? "an array" : "an object"));
        }
        return node.asText();
    }

    /** Text of a scalar, empty where there is none. */
    static String textOrEmpty(JsonNode node, String field) {
        return node.isMissingNode() || node.isNull() ? "" : text(node, field);
    }
}
