package dev.zhulong.data.read;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/** JSON Lines and arrays of objects, the text in one field; a row that is malformed, too long or has no such text is counted and passed over. */
final class JsonRows {
    static final JsonFactory JSON = JsonFactory.builder()
            // Rows are bounded in bytes before they are parsed; hostile field names must not fill a table that outlives them.
            .streamReadConstraints(StreamReadConstraints.builder().maxStringLength(Integer.MAX_VALUE).build())
            // Python writes these
            .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
            .build();

    /** Rows looked at to learn whether a document holds texts. */
    private static final int FIRST_ROWS = 32;

    private JsonRows() { }

    /** One object a line, of which the first has the number {@code first}. */
    static void lines(InputStream in, String id, long first, ReadOptions options, DocumentReader reader) throws IOException {
        var rows = new JsonLines(in, options.maxDocumentBytes());
        String[] path = options.field().split("\\.");
        boolean any = first > 1;
        for (long line = first; rows.next(); line++) {
            String where = id + "#" + line;
            any |= rows.length() > 0;
            if (rows.tooLong()) {
                reader.report().skip("row longer than " + options.maxDocumentBytes() + " bytes", where);
                continue;
            }
            String json = reader.decoder().decode(rows.bytes(), rows.length(), options.charset(), where);
            if (json == null || json.isBlank()) {
                continue;
            }
            give(json, where, path, options, reader);
        }
        if (!any) {
            reader.report().skip("no rows", id);
        }
    }

    /** An array of objects, or an object whose {@code data} is one. */
    static void elements(InputStream in, String id, ReadOptions options, DocumentReader reader) throws IOException {
        var rows = new JsonElements(Encoding.reader(in, StandardCharsets.UTF_8), options.maxDocumentBytes());
        String[] path = options.field().split("\\.");
        rows.open();
        String json;
        long row = 0;
        while ((json = rows.next()) != null) {
            row++;
            String where = id + "#" + row;
            if (rows.tooLong()) {
                reader.report().skip("row longer than " + options.maxDocumentBytes() + " characters", where);
            } else if (TextDecoder.isGarbled(json)) {
                reader.report().skip("not UTF-8 text", where);
            } else {
                if (json.indexOf('\uFFFD') >= 0) {
                    reader.report().repair("malformed UTF-8 replaced by U+FFFD", where);
                }
                give(json, where, path, options, reader);
            }
        }
        if (row == 0) {
            reader.report().skip("no rows", id);
        }
    }

    private static void give(String json, String where, String[] path, ReadOptions options, DocumentReader reader) {
        String text;
        try {
            text = field(json, path);
        } catch (IOException malformed) {
            reader.report().skip("malformed JSON", where + ": " + firstLine(malformed.getMessage()));
            return;
        }
        if (text == null) {
            reader.report().skip("no text in field '" + options.field() + "'", where);
        } else {
            reader.give(where, reader.decoder().tidy(text, where));
        }
    }

    /** Whether one of the first rows of a document, of which {@code head} is the beginning, has text in the field. */
    static boolean hasField(byte[] head, JsonShape shape, ReadOptions options) {
        String[] path = options.field().split("\\.");
        try (RowSource rows = shape.source(new ByteArrayInputStream(head), "", new RowReport())) {
            RowReader.Row row;
            for (int i = 0; i < FIRST_ROWS && (row = rows.row()) != null; i++) {
                JsonNode node = row.fields();
                for (String name : path) {
                    node = node.path(name);
                }
                if (node.isTextual()) {
                    return true;
                }
            }
        } catch (IOException e) {
            return false;
        }
        return false;
    }

    private static String field(String json, String[] path) throws IOException {
        try (JsonParser parser = JSON.createParser(json)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw new IOException("row is not an object");
            }
            String text = inObject(parser, path, 0);
            if (parser.nextToken() != null) {
                throw new IOException("more than one value in a row");
            }
            return text;
        }
    }

    private static String inObject(JsonParser parser, String[] path, int depth) throws IOException {
        String text = null;
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            boolean wanted = parser.currentName().equals(path[depth]);
            if (wanted && text != null) {
                throw new IOException("two fields are named '" + path[depth] + "'");
            }
            JsonToken value = parser.nextToken();
            if (wanted && depth == path.length - 1 && value == JsonToken.VALUE_STRING) {
                text = parser.getText();
            } else if (wanted && depth < path.length - 1 && value == JsonToken.START_OBJECT) {
                text = inObject(parser, path, depth + 1);
            } else {
                parser.skipChildren();
            }
        }
        return text;
    }

    private static String firstLine(String message) {
        return message == null ? "" : message.lines().findFirst().orElse("");
    }
}
