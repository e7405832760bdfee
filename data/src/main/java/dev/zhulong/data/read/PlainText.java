package dev.zhulong.data.read;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A text file is one document; one too long for that is cut at line ends into parts {@code file.txt#1}, {@code file.txt#2}, ... */
final class PlainText {
    private PlainText() { }

    static void read(InputStream in, String id, ReadOptions options, DocumentReader reader) throws IOException {
        int max = options.maxDocumentBytes();
        byte[] bytes = in.readNBytes(Math.min(max, 8192));
        if (TextDecoder.isBinary(bytes, bytes.length)) {
            reader.report().skip("binary file", id);
            return;
        }
        Charset marked = Encoding.marked(bytes, bytes.length);
        Charset charset = marked == null ? options.charset() : marked;
        if (bytes.length == Math.min(max, 8192)) {
            bytes = fill(in, bytes, max + 1);
        }
        if (bytes.length <= max) {
            give(id, bytes, bytes.length, charset, reader);
            return;
        }
        reader.report().repair("longer than " + max + " bytes: cut into parts", id);
        for (int part = 1; bytes.length > 0; part++) {
            int cut = bytes.length <= max ? bytes.length : cut(bytes, max, charset);
            give(id + "#" + part, bytes, cut, charset, reader);
            bytes = fill(in, Arrays.copyOfRange(bytes, cut, bytes.length), max + 1);
        }
    }

    private static byte[] fill(InputStream in, byte[] head, int length) throws IOException {
        byte[] more = in.readNBytes(length - head.length);
        byte[] all = Arrays.copyOf(head, head.length + more.length);
        System.arraycopy(more, 0, all, head.length, more.length);
        return all;
    }

    private static int cut(byte[] bytes, int max, Charset charset) {
        if (charset.name().startsWith("UTF-16") || charset.name().startsWith("UTF-32")) {
            return max & ~3;
        }
        for (int i = max; i > max / 2; i--) {
            if (bytes[i - 1] == '\n') {
                return i;
            }
        }
        int cut = max;
        while (charset.equals(StandardCharsets.UTF_8) && cut > max - 4 && (bytes[cut] & 0xc0) == 0x80) {
            cut--;
        }
        return cut;
    }

    private static void give(String id, byte[] bytes, int length, Charset charset, DocumentReader reader) {
        String text = reader.decoder().decode(bytes, length, charset, id);
        if (text != null) {
            reader.give(id, text);
        }
    }
}
