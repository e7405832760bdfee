package dev.zhulong.data.read;

import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;

/** Lines of a stream as bytes, one at a time, none longer than a limit. */
final class JsonLines {
    private final InputStream in;
    private final int max;
    private final byte[] buffer = new byte[1 << 16];
    private int position;
    private int limit;
    private byte[] line = new byte[1 << 12];
    private int length;

    JsonLines(InputStream in, int max) {
        this.in = in;
        this.max = max;
    }

    /** Next line without its end into {@link #bytes}; of a line over the limit only the fact that it is. False at the end. */
    boolean next() throws IOException {
        length = 0;
        boolean any = false;
        while (true) {
            if (position == limit) {
                limit = in.read(buffer, 0, buffer.length);
                position = 0;
                if (limit <= 0) {
                    limit = 0;
                    return any;
                }
            }
            any = true;
            int end = position;
            while (end < limit && buffer[end] != '\n') {
                end++;
            }
            int n = end - position;
            if (length + (long) n > max) {
                length = max + 1;
            } else {
                if (length + n > line.length) {
                    line = Arrays.copyOf(line, (int) Math.min(max, Math.max(2L * line.length, length + n)));
                }
                System.arraycopy(buffer, position, line, length, n);
                length += n;
            }
            position = end;
            if (end < limit) {
                position++;
                if (length > 0 && length <= max && line[length - 1] == '\r') {
                    length--;
                }
                return true;
            }
        }
    }

    boolean tooLong() {
        return length > max;
    }

    /** The line, in the first {@link #length} bytes of an array that the next line overwrites. */
    byte[] bytes() {
        return line;
    }

    int length() {
        return length;
    }
}
