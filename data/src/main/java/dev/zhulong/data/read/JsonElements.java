package dev.zhulong.data.read;

import java.io.IOException;
import java.io.Reader;

/**
 * Cuts the array of rows in a JSON document into its elements as they are written, without parsing them, so that one that is malformed costs no
 * other. The array is the document, or the field {@code data} of an object that is. Brackets, strings and line ends say where a damaged element
 * ends: a missing bracket is taken to stand where the next element begins, a missing quote at the end of its line.
 */
final class JsonElements {
    private static final String NO_ROWS = "holds no rows: expected an array of objects, an object with such an array as \"data\", or one object a"
            + " line";

    private final Reader in;
    private final int max;
    private final char[] buffer = new char[1 << 14];
    private int position;
    private int limit;
    private boolean inObject;
    private boolean tooLong;

    /**
     * @param max longest element, in characters
     */
    JsonElements(Reader in, int max) {
        this.in = in;
        this.max = max;
    }

    /** Goes to the first element. */
    void open() throws IOException {
        int c = skipSpace();
        if (c == '{') {
            inObject = true;
            position++;
            while (skipSpace() == '"') {
                String name = element();
                if (skipSpace() != ':') {
                    break;
                }
                position++;
                c = skipSpace();
                if (name.equals("\"data\"") && c == '[') {
                    position++;
                    return;
                }
                element();
                if (skipSpace() == ',') {
                    position++;
                }
            }
            throw new IOException(NO_ROWS);
        }
        if (c != '[') {
            throw new IOException(NO_ROWS);
        }
        position++;
    }

    /** The text of the next element, or null at the end of the array; of one that is too long its beginning. */
    String next() throws IOException {
        int c = skipSpace();
        boolean closed = false;
        while (c == ',' || c == ':' || c == '}' || c == ']') {
            position++;
            int following = skipSpace();
            // in the middle of a document a bracket is left over from a damaged element
            closed |= c == ']';
            if (c == ']' && inObject && following != '}') {
                return null;
            }
            c = following;
        }
        if (c < 0 && closed) {
            return null;
        }
        if (c < 0) {
            throw new IOException("the file ends inside its array of rows");
        }
        return element();
    }

    /** Whether the last element was longer than the limit. */
    boolean tooLong() {
        return tooLong;
    }

    private String element() throws IOException {
        var text = new StringBuilder();
        var open = new StringBuilder();
        boolean string = false;
        // the last character that is not white space, outside strings
        char before = 0;
        tooLong = false;
        for (int c = peek(); ; c = peek()) {
            if (c < 0) {
                if (string || !open.isEmpty()) {
                    throw new IOException("the file ends inside its array of rows");
                }
                return text.toString();
            }
            if (string) {
                append(text, c);
                position++;
                if (c == '\\' && peek() >= 0) {
                    append(text, peek());
                    position++;
                } else if (c == '"') {
                    string = false;
                    before = '"';
                    if (open.isEmpty()) {
                        return text.toString();
                    }
                } else if (c == '\n') {
                    // no string goes over the end of a line: a quote is missing before
                    string = false;
                    before = 0;
                    int next = skipSpace();
                    if (next == '{' || next == ']') {
                        return text.toString();
                    }
                }
                continue;
            }
            boolean closing = c == '}' || c == ']';
            if (open.isEmpty() && (closing || c == ',' || c == ':')) {
                return text.toString();
            }
            if (c == '{' && before == ',' && !open.isEmpty() && open.charAt(open.length() - 1) == '{') {
                // an object where a name should be: the bracket that closes the one before is missing
                open.setLength(open.length() - 1);
                if (open.isEmpty()) {
                    return text.toString();
                }
            }
            if (closing) {
                int opener = open.lastIndexOf(c == '}' ? "{" : "[");
                if (opener < 0) {
                    return text.toString();
                }
                open.setLength(opener);
            }
            append(text, c);
            position++;
            if (closing && open.isEmpty()) {
                return text.toString();
            }
            if (c == '{' || c == '[') {
                open.append((char) c);
            }
            string = c == '"';
            before = c > ' ' ? (char) c : before;
        }
    }

    private void append(StringBuilder text, int c) {
        if (text.length() < max) {
            text.append((char) c);
        } else {
            tooLong = true;
        }
    }

    private int skipSpace() throws IOException {
        int c = peek();
        while (c >= 0 && c <= ' ') {
            position++;
            c = peek();
        }
        return c;
    }

    private int peek() throws IOException {
        if (position == limit) {
            limit = Math.max(0, in.read(buffer, 0, buffer.length));
            position = 0;
        }
        return limit == 0 ? -1 : buffer[position];
    }
}
