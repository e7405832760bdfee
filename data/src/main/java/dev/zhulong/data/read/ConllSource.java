package dev.zhulong.data.read;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Sentences of a CoNLL file: a word a line, with its columns between tabs or, in a line without one, between blanks; a blank line after each sentence;
 * {@code -DOCSTART-} and comments ({@code # sent_id = 1}) passed over. A row has the fields {@code tokens} and {@code tags}; its number is the line of its
 * first word.
 */
final class ConllSource extends RowSource {
    /** A sentence of more words is a file without blank lines. */
    private static final int MAX_WORDS = 100_000;
    private static final Pattern COMMENT = Pattern.compile("# ?(newdoc|newpar|[\\w.:-]+ ?=).*");
    private static final Pattern COLUMNS = Pattern.compile("# ?global\\.columns ?= ?(.*)");

    private final InputStream in;
    private final JsonLines lines;
    private final int word;
    private final String tag;
    private List<String> names = List.of();
    private long line;

    /**
     * @param word number of the words' column, from 1
     * @param tag  number of the tags' column, from 1; or its name in a line {@code # global.columns}; empty for the last
     */
    ConllSource(InputStream in, int word, String tag, String id, RowReport report) throws IOException {
        super(id, report);
        this.in = in;
        this.lines = new JsonLines(Encoding.withoutMark(Encoding.utf8(in)), RowReader.MAX_ROW);
        this.word = word;
        this.tag = tag;
    }

    @Override
    ObjectNode next() throws IOException {
        ArrayNode words = JsonNodeFactory.instance.arrayNode();
        ArrayNode tags = JsonNodeFactory.instance.arrayNode();
        boolean damaged = false;
        while (lines.next()) {
            line++;
            String text = lines.tooLong() ? "" : new String(lines.bytes(), 0, lines.length(), StandardCharsets.UTF_8);
            if (!lines.tooLong() && (text.isBlank() || text.startsWith("-DOCSTART-"))) {
                if (!words.isEmpty()) {
                    begin(line - words.size());
                    return row(words, tags);
                }
                damaged = false;
                continue;
            }
            if (damaged || words.isEmpty() && isComment(text)) {
                continue;
            }
            String problem = lines.tooLong() ? "line longer than " + RowReader.MAX_ROW + " bytes" : words.size() == MAX_WORDS
                    ? "sentence of more than " + MAX_WORDS + " words; a blank line ends a sentence" : add(text, words, tags);
            if (problem != null) {
                // the sentence cannot be used without this word
                begin(line);
                refuse("malformed sentence", problem, text);
                damaged = true;
                words.removeAll();
                tags.removeAll();
            }
        }
        if (words.isEmpty()) {
            return null;
        }
        begin(line + 1 - words.size());
        return row(words, tags);
    }

    private static ObjectNode row(ArrayNode words, ArrayNode tags) {
        ObjectNode row = JsonNodeFactory.instance.objectNode();
        row.set("tokens", words);
        row.set("tags", tags);
        return row;
    }

    private boolean isComment(String text) {
        if (!COMMENT.matcher(text).matches()) {
            return false;
        }
        var columns = COLUMNS.matcher(text);
        if (columns.matches()) {
            names = Arrays.asList(columns.group(1).strip().split("\\s+"));
        }
        return true;
    }

    /** Takes a line's word and tag, or says what is wrong with it. */
    private String add(String text, ArrayNode words, ArrayNode tags) {
        if (TextDecoder.isGarbled(text)) {
            return "not UTF-8 text; save the file as UTF-8";
        }
        String[] cells = text.indexOf('\t') >= 0 ? text.split("\t") : text.strip().split(" +");
        int column = tag.isEmpty() ? cells.length : tag.matches("\\d{1,4}") ? Integer.parseInt(tag) : names.indexOf(tag) + 1;
        if (column < 1) {
            return "no column '" + tag + "'; " + (names.isEmpty() ? "the file does not name its columns (# global.columns = ...), so give the number"
                    : "found " + String.join(", ", names));
        }
        if (cells.length < 2 || Math.max(word, column) > cells.length || word == column) {
            return "expected a word and a tag in columns " + word + " and " + (tag.isEmpty() ? "behind it" : Integer.toString(column)) + ", found " + cells.length
                    + (cells.length == 1 ? " column" : " columns");
        }
        if (cells[word - 1].isBlank() || cells[column - 1].isBlank()) {
            return cells[word - 1].isBlank() ? "no word" : "no tag";
        }
        words.add(cells[word - 1].strip());
        tags.add(cells[column - 1].strip());
        return null;
    }

    @Override
    public void close() throws IOException {
        in.close();
    }
}
