package dev.zhulong.data.read;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import java.io.IOException;
import java.io.InputStream;

/** JSON Lines: one object a line, the text in one field; a row that is malformed, too long or has no such text is counted and passed over. */
final class JsonRows {
    static final JsonFactory JSON = JsonFactory.builder()
            // Rows are bounded in bytes before they are parsed; hostile field names must not fill a table that outlives them.
            .streamReadConstraints(StreamReadConstraints.builder().maxStringLength(Integer.MAX_VALUE).build())
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
            .build();

    private JsonRows() { }

    static void read(InputStream in, String id, ReadOptions options, DocumentReader reader) throws IOException {
        var rows = new JsonLines(in, options.maxDocumentBytes());
        String[] path = options.field().split("\\.");
        boolean any = false;
        for (long line = 1; rows.next(); line++) {
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
            String text;
            try {
                text = field(json, path);
            } catch (IOException malformed) {
                reader.report().skip("malformed JSON", where + ": " + firstLine(malformed.getMessage()));
                continue;
            }
            if (text == null) {
                reader.report().skip("no text in field '" + options.field() + "'", where);
            } else {
                reader.give(where, reader.decoder().tidy(text, where));
            }
        }
        if (!any) {
            reader.report().skip("no rows", id);
        }
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
