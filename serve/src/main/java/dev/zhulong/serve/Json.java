package dev.zhulong.serve;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** JSON of requests and answers. */
final class Json {
    /** Deeper than any request is meant to be, shallower than any stack. */
    private static final int DEPTH = 100;
    private static final int SHOWN = 60;

    /** Numbers keep their digits: what a model writes as {@code 1.10} is told as {@code 1.10}. */
    private static final JsonMapper MAPPER = JsonMapper.builder(JsonFactory.builder()
                    .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(DEPTH).maxNumberLength(100).maxNameLength(1000).build()).build())
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS, DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .nodeFactory(JsonNodeFactory.withExactBigDecimals(true)).build();

    private Json() {}

    static ObjectNode object() {
        return MAPPER.createObjectNode();
    }

    /**
     * The body of a request.
     *
     * @throws ApiException where it is no JSON object in UTF-8
     */
    static ObjectNode body(byte[] bytes) {
        String text = utf8(bytes);
        JsonNode tree;
        try {
            tree = MAPPER.readTree(text);
        } catch (JsonProcessingException e) {
            throw ApiException.invalid(null, "the body is not JSON: " + oneLine(e.getOriginalMessage()));
        }
        if (!(tree instanceof ObjectNode object)) {
            throw ApiException.invalid(null, "the body must be a JSON object");
        }
        if (text.contains("\\ud") || text.contains("\\uD")) {
            whole(object, "");
        }
        return object;
    }

    /** Strictly by RFC 3629, where Jackson also takes overlong forms and surrogates; a mark of the byte order is left out. */
    private static String utf8(byte[] bytes) {
        try {
            CharBuffer text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes));
            return (text.hasRemaining() && text.charAt(0) == '\ufeff' ? text.subSequence(1, text.length()) : text).toString();
        } catch (CharacterCodingException e) {
            throw ApiException.invalid(null, "the body is not UTF-8");
        }
    }

    /** Where a value stands in a request; put into words only for an error, as most values have none. */
    private record Place(Place outer, Object step) {
        @Override
        public String toString() {
            if (outer == null) {
                return step.toString();
            }
            String around = outer.toString();
            return step instanceof Integer index ? around + "[" + index + "]" : (around.isEmpty() ? "" : around + ".") + shortened(step.toString());
        }
    }

    /** Refuses halves of surrogate pairs, which escapes can spell and no text has, in any string of what is called {@code name}. */
    static void whole(JsonNode tree, String name) {
        whole(tree, new Place(null, name));
    }

    private static void whole(JsonNode tree, Place place) {
        if (tree.isTextual()) {
            whole(tree.textValue(), place);
        }
        for (int i = 0; tree.isArray() && i < tree.size(); i++) {
            whole(tree.get(i), new Place(place, i));
        }
        tree.properties().forEach(field -> {
            var inside = new Place(place, field.getKey());
            whole(field.getKey(), inside);
            whole(field.getValue(), inside);
        });
    }

    private static void whole(String text, Place place) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (Character.isSurrogate(c)) {
                if (Character.isLowSurrogate(c) || i + 1 == text.length() || !Character.isLowSurrogate(text.charAt(i + 1))) {
                    String name = place.toString();
                    throw ApiException.invalid(name, name + " holds half a surrogate pair at character " + i);
                }
                i++;
            }
        }
    }

    /** A text that may be JSON; null where it is not. */
    static JsonNode parse(String text) {
        try {
            return MAPPER.readTree(text);
        } catch (JsonProcessingException e) {
            return null;
        }
    }

    static byte[] bytes(JsonNode tree) {
        return text(tree).getBytes(StandardCharsets.UTF_8);
    }

    static String text(JsonNode tree) {
        return tree.toString();
    }

    /** Of a user's text, what fits into a message: one line, without control characters. */
    static String shortened(String text) {
        return shortened(text, SHOWN);
    }

    /** The first {@code most} characters of it. */
    static String shortened(String text, int most) {
        String line = oneLine(text);
        if (line.length() <= most) {
            return line;
        }
        int end = Character.isHighSurrogate(line.charAt(most - 1)) ? most - 1 : most;
        return line.substring(0, end) + "…";
    }

    private static String oneLine(String text) {
        return text == null ? "" : text.replaceAll("[\\p{Cntrl}\\s]+", " ").strip();
    }
}
