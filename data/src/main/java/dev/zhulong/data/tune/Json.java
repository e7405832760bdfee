package dev.zhulong.data.tune;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.math.BigDecimal;
import java.util.Optional;

/** JSON inside a field: cells of CSV and Parquet hold lists as text, tool calls their arguments. */
final class Json {
    private static final ObjectMapper MAPPER = JsonMapper.builder()
            .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
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
        } catch (JsonProcessingException | NumberFormatException e) {
            return Optional.empty();
        }
    }

    /** The array or object a node is or spells, else the node. */
    static JsonNode unfolded(JsonNode node) {
        return node.isTextual() ? container(node.textValue()).orElse(node) : node;
    }

    /** Whether a field is not there: absent, null, or NaN, which tables write for an empty cell. */
    static boolean isMissing(JsonNode node) {
        return node.isMissingNode() || node.isNull() || node.isDouble() && Double.isNaN(node.doubleValue());
    }

    /** Text of a scalar. */
    static String text(JsonNode node, String field) {
        if (isMissing(node)) {
            throw new RowRefused("no field '" + field + "'", "");
        }
        if (node.isContainerNode()) {
            throw new RowRefused("field '" + field + "' is not text", "found " + (node.isArray() ? "an array" : "an object"));
        }
        if (node.isFloatingPointNumber()) {
            return number(node, field);
        }
        return node.asText();
    }

    /** A decimal number with the digits it is written with; one with an exponent as Python writes it, {@code 1000.0} and {@code 1e-07}. */
    private static String number(JsonNode node, String field) {
        if (node.isDouble() && Double.isInfinite(node.doubleValue())) {
            throw new RowRefused("field '" + field + "' is not text", "found " + node.asText());
        }
        String written = node.asText();
        if (written.indexOf('E') < 0) {
            return written;
        }
        var digits = new BigDecimal(written).stripTrailingZeros();
        int exponent = digits.precision() - digits.scale() - 1;
        if (exponent >= -4 && exponent < 16) {
            return digits.scale() > 0 ? digits.toPlainString() : digits.toPlainString() + ".0";
        }
        String mantissa = digits.movePointLeft(exponent).toPlainString();
        return mantissa + (exponent < 0 ? "e-" : "e+") + (Math.abs(exponent) < 10 ? "0" : "") + Math.abs(exponent);
    }

    /** Text of a scalar, empty where there is none. */
    static String textOrEmpty(JsonNode node, String field) {
        return isMissing(node) ? "" : text(node, field);
    }
}
