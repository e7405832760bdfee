package dev.zhulong.data.read;

import java.io.IOException;
import java.io.Reader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Records of CSV (RFC 4180) and its relatives: cells between commas, semicolons, tabs or bars, as the first line shows, quoted where they hold a
 * delimiter, a line end or a quote, which is then doubled. A record that is malformed costs no other: reading goes on at the next line. Own
 * code, since the libraries either stop at the first stray quote or read past it in silence. Where tabs are asked for without quotes, as the media type
 * {@code text/tab-separated-values} has them and corpora of texts are written, a quote is a character like any other.
 */
final class CsvRecords {
    private static final String DELIMITERS = ",;\t|";
    private static final int SNIFFED = 1 << 16;
    private static final int SNIFFED_RECORDS = 20;
    /** So many quotes that are never closed are looked for to the end of the file, no more. */
    private static final int MAX_UNCLOSED = 1000;

    private final Reader in;
    private final int max;
    private final char delimiter;
    private final boolean spaced;
    private final boolean quotes;
    private char[] buffer;
    private int position;
    private int limit;
    private boolean ended;
    private int start;
    private int unclosed;

    /**
     * One record.
     *
     * @param cells   its values; those before the damage where there is any
     * @param problem what is wrong with it, or null
     */
    record Entry(List<String> cells, String problem) { }

    /**
     * @param usual      delimiter of files of this name; another is taken where the first line has none of it
     * @param quotedTabs whether cells between tabs may be quoted; those between other delimiters always may
     * @param max   longest record, in characters
     */
    CsvRecords(Reader in, char usual, boolean quotedTabs, int max) throws IOException {
        this.in = in;
        this.max = max;
        this.buffer = new char[SNIFFED];
        while (!ended && limit < buffer.length) {
            fill();
        }
        String head = new String(buffer, 0, limit);
        // Excel's way to name it
        if (head.matches("(?s)sep=[,;\t|]\r?\n.*")) {
            delimiter = head.charAt(4);
            position = head.indexOf('\n') + 1;
        } else {
            delimiter = delimiter(head, usual, quotedTabs);
        }
        quotes = quotedTabs || delimiter != '\t';
        spaced = isSpaced(head.substring(position), delimiter, quotes);
    }

    private CsvRecords(String head, char delimiter, boolean quotes) {
        this.in = Reader.nullReader();
        this.max = SNIFFED;
        this.buffer = head.toCharArray();
        this.limit = buffer.length;
        this.ended = true;
        this.delimiter = delimiter;
        this.quotes = quotes;
        this.spaced = false;
    }

    /** The usual one where the first record has it, else the one that cuts the first records into equally many cells. */
    private static char delimiter(String head, char usual, boolean quotedTabs) throws IOException {
        char best = usual;
        int most = 1;
        for (char candidate : (usual + DELIMITERS).toCharArray()) {
            var records = new CsvRecords(head, candidate, quotedTabs || candidate != '\t');
            Entry first = records.next();
            int cells = first == null || first.problem() != null ? 0 : first.cells().size();
            int seen = 0;
            int equal = 0;
            Entry entry;
            while (cells > 1 && seen < SNIFFED_RECORDS && (entry = records.next()) != null && (records.position < head.length() || seen == 0)) {
                seen++;
                equal += entry.cells().size() == cells ? 1 : 0;
            }
            if (cells > most && 2 * equal >= seen) {
                if (candidate == usual) {
                    return usual;
                }
                most = cells;
                best = candidate;
            }
        }
        return best;
    }

    /** Whether the names of the columns stand after a space: then cells do, and the space is not theirs. */
    private static boolean isSpaced(String head, char delimiter, boolean quotes) throws IOException {
        Entry first = new CsvRecords(head, delimiter, quotes).next();
        return first != null && first.cells().size() > 1
                && first.cells().stream().skip(1).allMatch(cell -> cell.startsWith(" ") && !cell.isBlank());
    }

    /** The next record, or null at the end; blank lines are passed over. */
    Entry next() throws IOException {
        int c = peek();
        while (c == '\n' || c == '\r') {
            position++;
            c = peek();
        }
        start = position;
        if (c < 0) {
            return null;
        }
        var cells = new ArrayList<String>();
        while (true) {
            while (spaced && peek() == ' ') {
                position++;
            }
            String problem = quotes && peek() == '"' ? quoted(cells) : plain(cells);
            if (problem != null) {
                toNextLine();
                return new Entry(cells, problem);
            }
            c = peek();
            if (c != delimiter) {
                return new Entry(cells, null);
            }
            position++;
        }
    }

    private String plain(List<String> cells) throws IOException {
        int from = position - start;
        for (int c = peek(); c >= 0 && c != delimiter && c != '\n' && c != '\r'; c = peek()) {
            position++;
            if (position - start > max) {
                return "row longer than " + max + " characters";
            }
        }
        cells.add(new String(buffer, start + from, position - start - from));
        return null;
    }

    private String quoted(List<String> cells) throws IOException {
        var cell = new StringBuilder();
        position++;
        while (true) {
            int c = peek();
            if (c < 0 || position - start > max) {
                return unclosed(c < 0 ? "a quote that is never closed"
                        : "row longer than " + max + " characters, perhaps a quote that is never closed");
            }
            position++;
            if (c != '"') {
                cell.append((char) c);
            } else if (peek() == '"') {
                cell.append('"');
                position++;
            } else {
                break;
            }
        }
        while (peek() == ' ') {
            position++;
        }
        int after = peek();
        if (after >= 0 && after != delimiter && after != '\n' && after != '\r') {
            char last = cell.isEmpty() ? ' ' : cell.charAt(cell.length() - 1);
            if (last == delimiter || last == '\n') {
                // what seems to close is where the next quote opens
                return unclosed("a quote that is never closed");
            }
            return last == '\\' ? "a quote behind a backslash; inside quotes a quote is written twice" : "text after a closing quote";
        }
        cells.add(cell.toString());
        return null;
    }

    /** The record ends with its first line: what follows was not meant to be in the quotes. */
    private String unclosed(String problem) throws IOException {
        if (++unclosed > MAX_UNCLOSED) {
            throw new IOException(problem + ", " + MAX_UNCLOSED + " times; the rest is not read");
        }
        position = start;
        return problem;
    }

    private void toNextLine() throws IOException {
        for (int c = peek(); c >= 0 && c != '\n' && c != '\r'; c = peek()) {
            position++;
            // nothing of it is kept
            if (position - start > SNIFFED) {
                start = position;
            }
        }
    }

    private int peek() throws IOException {
        while (position >= limit && !ended) {
            fill();
        }
        return position < limit ? buffer[position] : -1;
    }

    /** Reads on, with all from the beginning of the record kept. */
    private void fill() throws IOException {
        if (limit == buffer.length) {
            if (start > 0) {
                System.arraycopy(buffer, start, buffer, 0, limit - start);
                position -= start;
                limit -= start;
                start = 0;
            } else {
                buffer = Arrays.copyOf(buffer, 2 * buffer.length);
            }
        }
        int n = in.read(buffer, limit, buffer.length - limit);
        ended = n < 0;
        limit += Math.max(n, 0);
    }
}
