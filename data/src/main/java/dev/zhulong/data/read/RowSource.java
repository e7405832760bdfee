package dev.zhulong.data.read;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.io.Closeable;
import java.io.IOException;
import java.util.TreeSet;

/** Rows of one file, pulled one by one; keeps the number of the row and what had to be mended in it. */
abstract class RowSource implements Closeable {
    private final String id;
    private final RowReport report;
    private final TreeSet<String> mended = new TreeSet<>();
    private final TextDecoder decoder = new TextDecoder((reason, _) -> refuse(reason, "", ""), (what, _) -> mended.add(what));
    private long number;
    private boolean broken;

    RowSource(String id, RowReport report) {
        this.id = id;
        this.report = report;
    }

    /** The next readable row, as it lies in the file, after {@link #begin} and {@link #refuse} of those before it; null at the end. */
    abstract ObjectNode next() throws IOException;

    /** The next row with its strings tidied, or null at the end or where the rest of the file is beyond reading. */
    final RowReader.Row row() {
        if (broken) {
            return null;
        }
        ObjectNode fields;
        try {
            fields = next();
        } catch (IOException | RuntimeException e) {
            // the libraries throw what they like on damaged files
            broken = true;
            begin(number + 1);
            refuse("unreadable, and all that follows", why(e), "");
            return null;
        }
        if (fields == null) {
            return null;
        }
        tidy(fields);
        mended.forEach(what -> report.note(what, new RowReport.Sample(where(), "", fields.toString())));
        return new RowReader.Row(where(), number, fields);
    }

    /** Row {@code row} (from 1) was met. */
    final void begin(long row) {
        number = row;
        mended.clear();
        report.row();
    }

    /** The row that was begun can't be used. */
    final void refuse(String reason, String detail, String snippet) {
        report.refuse(reason, new RowReport.Sample(where(), detail, snippet));
    }

    /** The object that the row is written as, or null, the row then being refused. */
    final ObjectNode parse(String json) {
        JsonNode node;
        try {
            node = JsonSource.MAPPER.readTree(json);
        } catch (MismatchedInputException e) {
            if (e.getOriginalMessage().startsWith("Duplicate field")) {
                refuse("two fields of one name", e.getOriginalMessage().replaceAll(".*[Ff]ield ('[^']*').*", "$1"), json);
            } else {
                refuse("more than one value in a row", "write one object a line", json);
            }
            return null;
        } catch (JsonProcessingException | NumberFormatException e) {
            // a number may be well-formed and yet beyond what is computed with
            refuse("malformed JSON", why(e), json);
            return null;
        }
        if (node instanceof ObjectNode object) {
            return object;
        }
        refuse("not a JSON object", "", json);
        return null;
    }

    final void mended(String what) {
        mended.add(what);
    }

    final long number() {
        return number;
    }

    final String where() {
        return id + "#" + number;
    }

    final TextDecoder decoder() {
        return decoder;
    }

    private void tidy(JsonNode node) {
        if (node instanceof ObjectNode object) {
            for (var field : object.properties()) {
                if (field.getValue() instanceof TextNode text) {
                    field.setValue(tidied(text));
                } else {
                    tidy(field.getValue());
                }
            }
        } else if (node instanceof ArrayNode array) {
            for (int i = 0; i < array.size(); i++) {
                if (array.get(i) instanceof TextNode text) {
                    array.set(i, tidied(text));
                } else {
                    tidy(array.get(i));
                }
            }
        }
    }

    private TextNode tidied(TextNode node) {
        String text = decoder.tidy(node.textValue(), where());
        return text.equals(node.textValue()) ? node : TextNode.valueOf(text);
    }

    /** Whether the row that was begun is in another encoding; then it is refused. A few characters that could not be decoded are noted. */
    final boolean isGarbled(String row) {
        if (row.indexOf('\uFFFD') < 0) {
            return false;
        }
        if (TextDecoder.isGarbled(row)) {
            refuse("not UTF-8 text", "save the file as UTF-8", row);
            return true;
        }
        mended("holds U+FFFD, perhaps in place of malformed UTF-8");
        return false;
    }

    static String why(Exception e) {
        String message = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        return message.lines().findFirst().orElse("");
    }
}
