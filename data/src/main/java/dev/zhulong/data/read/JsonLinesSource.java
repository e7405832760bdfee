package dev.zhulong.data.read;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/** JSON Lines: one object a line; blank lines are passed over. */
final class JsonLinesSource extends RowSource {
    private final InputStream in;
    private final JsonLines lines;
    private long line;

    JsonLinesSource(InputStream in, String id, RowReport report) {
        super(id, report);
        this.in = in;
        this.lines = new JsonLines(in, RowReader.MAX_ROW);
    }

    @Override
    ObjectNode next() throws IOException {
        while (lines.next()) {
            line++;
            if (lines.length() == 0) {
                continue;
            }
            begin(line);
            if (lines.tooLong()) {
                refuse("row longer than " + RowReader.MAX_ROW + " bytes", "", new String(lines.bytes(), 0, 400, StandardCharsets.UTF_8));
                continue;
            }
            String json = decoder().decode(lines.bytes(), lines.length(), StandardCharsets.UTF_8, where());
            if (json == null) {
                continue;
            }
            if (json.isBlank()) {
                refuse("blank line", "", json);
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
        in.close();
    }
}
