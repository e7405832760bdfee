package dev.zhulong.data.read;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/** How a file called {@code .json} holds rows. */
enum JsonShape {
    /** One object a line. */
    LINES,
    /** An array of objects, or an object whose field {@code data} is one. */
    ARRAY,
    /** No rows. */
    OTHER;

    /** The shape of a document in UTF-8 by its beginning. */
    static JsonShape of(byte[] head) {
        try {
            if (isLines(head)) {
                return LINES;
            }
            var rows = new JsonElements(Encoding.reader(new ByteArrayInputStream(head), StandardCharsets.UTF_8), head.length);
            rows.open();
            String first = rows.next();
            return first == null || first.startsWith("{") ? ARRAY : OTHER;
        } catch (IOException e) {
            return OTHER;
        }
    }

    /** The first line is an object by itself that does not hold the rows, or is meant as one. */
    private static boolean isLines(byte[] head) throws IOException {
        var lines = new JsonLines(Encoding.withoutMark(new ByteArrayInputStream(head)), RowReader.MAX_ROW - 1);
        String first = line(lines);
        // what is not an object by itself may be all of the file: it is not parsed to find out
        if (first == null || !first.startsWith("{")) {
            return false;
        }
        try {
            JsonNode node = JsonSource.MAPPER.readTree(first);
            return node.isObject() && !node.path("data").isArray();
        } catch (JsonProcessingException | NumberFormatException e) {
            // a first row that is malformed looks like the next one
            String second = line(lines);
            return first.endsWith("}") && second != null && second.startsWith("{");
        }
    }

    /** The next line that is not blank, or null. */
    private static String line(JsonLines lines) throws IOException {
        while (lines.next() && !lines.tooLong()) {
            String line = new String(lines.bytes(), 0, lines.length(), StandardCharsets.UTF_8).strip();
            if (!line.isEmpty()) {
                return line;
            }
        }
        return null;
    }

    /** Reads the rows; of a document that holds none the first row says so. */
    RowSource source(InputStream in, String id, RowReport report) throws IOException {
        return this == LINES ? new JsonLinesSource(in, id, report) : new JsonSource(in, id, report);
    }
}
