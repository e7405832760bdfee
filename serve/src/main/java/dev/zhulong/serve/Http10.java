package dev.zhulong.serve;

import io.helidon.common.buffers.BufferData;
import io.helidon.common.buffers.DataWriter;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * HTTP/1.0, which nginx speaks to the servers behind it before 1.29.7, and which Helidon refuses: a request becomes one of HTTP/1.1 that asks for the connection
 * to be closed, and an answer loses the frames of its chunks, so that its end is the connection's (RFC 9112, sections 6.1 and 9.3).
 */
final class Http10 {
    private static final byte[] VERSION = " HTTP/1.0\r\n".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] SUCCESSOR = " HTTP/1.1\r\nConnection: close\r\n".getBytes(StandardCharsets.US_ASCII);
    private static final String HEAD_END = "\r\n\r\n";
    private static final String CHUNKED = "\r\nTransfer-Encoding: chunked\r\n";

    private Http10() {}

    /** Index behind the first line; -1 where it has not ended. */
    static int lineEnd(byte[] bytes) {
        for (int i = 0; i < bytes.length; i++) {
            if (bytes[i] == '\n') {
                return i + 1;
            }
        }
        return -1;
    }

    /** Whether the first line of a request is of this version. */
    static boolean isSpoken(byte[] request) {
        int end = lineEnd(request);
        return end >= VERSION.length && Arrays.equals(request, end - VERSION.length, end, VERSION, 0, VERSION.length);
    }

    /** The request as one of HTTP/1.1. */
    static byte[] request(byte[] request) {
        int end = lineEnd(request);
        var bytes = new ByteArrayOutputStream(request.length + SUCCESSOR.length);
        bytes.write(request, 0, end - VERSION.length);
        bytes.writeBytes(SUCCESSOR);
        bytes.write(request, end, request.length - end);
        return bytes.toByteArray();
    }

    /** Writes what Helidon answers: to a client of HTTP/1.1 as it is. Helidon writes a head, and each chunk, in one piece. */
    static final class Writer implements DataWriter {
        private final DataWriter to;
        private final Connection connection;
        private boolean headSent;
        private boolean chunked;

        Writer(DataWriter to, Connection connection) {
            this.to = to;
            this.connection = connection;
        }

        private BufferData plain(BufferData buffer) {
            if (!connection.isOld() || headSent && !chunked) {
                return buffer;
            }
            byte[] bytes = new byte[buffer.available()];
            buffer.read(bytes);
            if (headSent) {
                int begin = lineEnd(bytes);
                return BufferData.create(bytes, begin, bytes.length - "\r\n".length() - begin);
            }
            String head = new String(bytes, StandardCharsets.ISO_8859_1);
            if (head.startsWith("HTTP/1.1 1")) {
                // an interim answer, which this version does not have
                return BufferData.empty();
            }
            headSent = true;
            int at = head.indexOf(CHUNKED);
            chunked = at >= 0 && at < head.indexOf(HEAD_END);
            return BufferData.create(chunked ? (head.substring(0, at) + head.substring(at + CHUNKED.length() - "\r\n".length())).getBytes(StandardCharsets.ISO_8859_1) : bytes);
        }

        private BufferData[] plain(BufferData... buffers) {
            return connection.isOld() ? Arrays.stream(buffers).map(this::plain).toArray(BufferData[]::new) : buffers;
        }

        @Override
        public void write(BufferData... buffers) {
            to.write(plain(buffers));
        }

        @Override
        public void write(BufferData buffer) {
            to.write(plain(buffer));
        }

        @Override
        public void writeNow(BufferData... buffers) {
            to.writeNow(plain(buffers));
        }

        @Override
        public void writeNow(BufferData buffer) {
            to.writeNow(plain(buffer));
        }

        @Override
        public void flush() {
            to.flush();
        }

        @Override
        public void close() {
            to.close();
        }
    }
}
