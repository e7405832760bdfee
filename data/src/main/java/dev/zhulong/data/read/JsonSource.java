package dev.zhulong.data.read;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.Reader;
import java.nio.charset.StandardCharsets;

/** A JSON document: an array of objects, or an object whose field {@code data} is one; read as a stream. */
final class JsonSource extends RowSource {
    /** Numbers keep their digits: {@code 1.50} stays {@code 1.50}. */
    static final ObjectMapper MAPPER = JsonMapper.builder(JsonRows.JSON.copy())
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY)
            .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
            .build();

    private final Reader reader;
    private final JsonElements elements;
    private boolean inside;

    JsonSource(InputStream in, String id, RowReport report) throws IOException {
        super(id, report);
        reader = Encoding.reader(in, StandardCharsets.UTF_8);
        elements = new JsonElements(reader, RowReader.MAX_ROW);
    }

    @Override
    ObjectNode next() throws IOException {
        if (!inside) {
            elements.open();
            inside = true;
        }
        String json;
        while ((json = elements.next()) != null) {
            begin(number() + 1);
            if (elements.tooLong()) {
                refuse("row longer than " + RowReader.MAX_ROW + " characters", "", json);
                continue;
            }
            if (isGarbled(json)) {
                continue;
            }
            ObjectNode row = parse(json);
            if (row != null) {
                return row;
            }
        }
        return null;
    }

    @Override
    public void close() throws IOException {
        reader.close();
    }
}
