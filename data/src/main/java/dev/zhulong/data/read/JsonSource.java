package dev.zhulong.data.read;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/** A JSON document: an array of objects, or an object whose field {@code data} is one; read as a stream. */
final class JsonSource extends RowSource {
    /** Numbers keep their digits: {@code 1.50} stays {@code 1.50}. */
    static final ObjectMapper MAPPER = JsonMapper.builder(JsonRows.JSON.copy())
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
            .build();

    private static final ObjectMapper INNER = MAPPER.copy().disable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    private final JsonParser parser;
    private boolean inside;

    JsonSource(InputStream in, String id, RowReport report) throws IOException {
        super(id, report);
        parser = INNER.getFactory().createParser(new InputStreamReader(CsvRows.withoutMark(in), StandardCharsets.UTF_8));
    }

    /** Whether the file is JSON Lines under the name of JSON: its first line is an object by itself that does not hold the rows. */
    static boolean isLines(InputStream in) throws IOException {
        var lines = new JsonLines(CsvRows.withoutMark(in), RowReader.MAX_ROW);
        while (lines.next() && !lines.tooLong()) {
            String line = new String(lines.bytes(), 0, lines.length(), StandardCharsets.UTF_8);
            if (!line.isBlank()) {
                try {
                    JsonNode node = MAPPER.readTree(line);
                    return node.isObject() && !node.path("data").isArray();
                } catch (JsonProcessingException e) {
                    return false;
                }
            }
        }
        return false;
    }

    @Override
    ObjectNode next() throws IOException {
        if (!inside) {
            toRows();
            inside = true;
        }
        while (true) {
            JsonToken token = parser.nextToken();
            if (token == null) {
                throw new IOException("the file ends inside its array of rows");
            }
            if (token == JsonToken.END_ARRAY) {
                return null;
            }
            JsonNode node = INNER.readTree(parser);
            begin(number() + 1);
            if (node instanceof ObjectNode object) {
                if (node.toString().indexOf('\uFFFD') >= 0) {
                    mended("holds U+FFFD, perhaps in place of malformed UTF-8");
                }
                return object;
            }
            refuse("not a JSON object", "", String.valueOf(node));
        }
    }

    private void toRows() throws IOException {
        JsonToken token = parser.nextToken();
        if (token == JsonToken.START_OBJECT) {
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                boolean data = parser.currentName().equals("data");
                token = parser.nextToken();
                if (data && token == JsonToken.START_ARRAY) {
                    return;
                }
                parser.skipChildren();
            }
            token = null;
        }
        if (token != JsonToken.START_ARRAY) {
            throw new IOException("holds no rows: expected an array of objects, an object with such an array as \"data\", or one object a line");
        }
    }

    @Override
    public void close() throws IOException {
        parser.close();
    }
}
