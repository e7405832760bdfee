package dev.zhulong.data.read;

import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PushbackInputStream;
import java.io.Reader;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;

/** What a file's first bytes say of its encoding, and streams of UTF-8 whatever it is. */
final class Encoding {
    /** Bytes that say it. */
    static final int HEAD = 4;

    private Encoding() { }

    /** The encoding that a byte order mark names, UTF-16 or UTF-32, or null; UTF-8 has a mark but no other order to name. */
    static Charset marked(byte[] bytes, int length) {
        long head = 0;
        for (int i = 0; i < HEAD; i++) {
            head = head << 8 | (i < length ? bytes[i] & 0xff : 1);
        }
        // the mark of UTF-32 begins like that of UTF-16
        if (head == 0xfffe0000L) {
            return StandardCharsets.UTF_32LE;
        }
        if (head == 0x0000feffL) {
            return StandardCharsets.UTF_32BE;
        }
        return length < 2 ? null : head >> 16 == 0xfffe ? StandardCharsets.UTF_16LE : head >> 16 == 0xfeff ? StandardCharsets.UTF_16BE : null;
    }

    /** The encoding of text that begins with two ASCII characters and has no mark, by where its zeros lie (RFC 4627, section 3), or null. */
    private static Charset unmarked(byte[] bytes, int length) {
        if (length < HEAD) {
            return null;
        }
        int zeros = 0;
        for (int i = 0; i < HEAD; i++) {
            zeros = zeros << 1 | (bytes[i] == 0 ? 1 : 0);
        }
        return switch (zeros) {
            case 0b1110 -> StandardCharsets.UTF_32BE;
            case 0b0111 -> StandardCharsets.UTF_32LE;
            case 0b1010 -> StandardCharsets.UTF_16BE;
            case 0b0101 -> StandardCharsets.UTF_16LE;
            default -> null;
        };
    }

    /** The same text in UTF-8, where it comes in UTF-16 or UTF-32; other bytes, a mark of UTF-8 included, as they are. */
    static InputStream utf8(InputStream in) throws IOException {
        var back = new PushbackInputStream(in, HEAD);
        byte[] head = back.readNBytes(HEAD);
        back.unread(head);
        Charset charset = recoded(head);
        return charset == null ? back : new Recoded(new InputStreamReader(back, charset));
    }

    /** Whether {@link #utf8} gives other bytes than those of a stream that begins with {@code head}. */
    static boolean isRecoded(byte[] head) {
        return recoded(head) != null;
    }

    private static Charset recoded(byte[] head) {
        Charset marked = marked(head, head.length);
        return marked == null ? unmarked(head, head.length) : marked;
    }

    /** The characters of a text, without a byte order mark: in the encoding that its first bytes name, else in {@code otherwise}. */
    static Reader reader(InputStream in, Charset otherwise) throws IOException {
        InputStream utf8 = utf8(in);
        return new InputStreamReader(withoutMark(utf8), utf8 instanceof Recoded ? StandardCharsets.UTF_8 : otherwise);
    }

    /** The same without a byte order mark of UTF-8. */
    static InputStream withoutMark(InputStream in) throws IOException {
        var back = new PushbackInputStream(in, 3);
        byte[] head = back.readNBytes(3);
        boolean mark = head.length == 3 && (head[0] & 0xff) == 0xef && (head[1] & 0xff) == 0xbb && (head[2] & 0xff) == 0xbf;
        if (!mark) {
            back.unread(head);
        }
        return back;
    }

    /** The characters of a reader as UTF-8; what the reader could not decode it has made U+FFFD. */
    private static final class Recoded extends InputStream {
        private final Reader reader;
        private final char[] characters = new char[8192];
        private byte[] bytes = new byte[0];
        private int position;
        private int held;

        Recoded(Reader reader) {
            this.reader = reader;
        }

        private boolean fill() throws IOException {
            while (position == bytes.length) {
                int n = reader.read(characters, held, characters.length - held);
                int length = held + Math.max(n, 0);
                if (length == 0) {
                    return false;
                }
                // half of a pair waits for the other half
                held = n > 0 && Character.isHighSurrogate(characters[length - 1]) ? 1 : 0;
                bytes = new String(characters, 0, length - held).getBytes(StandardCharsets.UTF_8);
                position = 0;
                characters[0] = characters[length - 1];
            }
            return true;
        }

        @Override
        public int read() throws IOException {
            return fill() ? bytes[position++] & 0xff : -1;
        }

        @Override
        public int read(byte[] buffer, int offset, int length) throws IOException {
            if (length == 0) {
                return 0;
            }
            if (!fill()) {
                return -1;
            }
            int n = Math.min(length, bytes.length - position);
            System.arraycopy(bytes, position, buffer, offset, n);
            position += n;
            return n;
        }

        @Override
        public void close() throws IOException {
            reader.close();
        }
    }
}
