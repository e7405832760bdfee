package dev.zhulong.data;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.github.luben.zstd.Zstd;
import dev.zhulong.data.document.Document;
import dev.zhulong.formats.AtomicFile;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Writes a {@link DocumentStore} frame by frame: frames are made by any thread with {@link #frame} and appended in order by one. Files
 * appear under their names only when {@link #finish} has made them whole.
 */
final class DocumentStoreWriter implements AutoCloseable {
    private static final int HASH = 32;

    private final Path directory;
    private final Path partial;
    private final FileChannel channel;
    private final List<long[]> frames = new ArrayList<>();
    private final MessageDigest digest = sha256();
    private long documents;
    private long bytes;
    private boolean finished;

    /** JSON lines, compressed, with their own hash. */
    record Frame(byte[] compressed, int documents, long bytes, byte[] hash) {
        /** Writes it, for {@link #read}; one without documents is left out. */
        void write(DataOutputStream out) throws IOException {
            if (documents == 0) {
                return;
            }
            out.writeInt(documents);
            out.writeLong(bytes);
            out.write(hash);
            out.writeInt(compressed.length);
            out.write(compressed);
        }

        /** The next frame, null at the end. */
        static Frame read(DataInputStream in) throws IOException {
            int documents;
            try {
                documents = in.readInt();
            } catch (EOFException end) {
                return null;
            }
            long bytes = in.readLong();
            var hash = new byte[HASH];
            in.readFully(hash);
            var compressed = new byte[in.readInt()];
            in.readFully(compressed);
            return new Frame(compressed, documents, bytes, hash);
        }

        byte[] lines() {
            return decompress(compressed);
        }
    }

    DocumentStoreWriter(Path directory) throws IOException {
        this.directory = Files.createDirectories(directory);
        Files.deleteIfExists(directory.resolve(DocumentStore.INDEX));
        partial = directory.resolve(DocumentStore.DOCUMENTS + ".partial");
        channel = FileChannel.open(partial, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING,
                StandardOpenOption.READ, StandardOpenOption.WRITE);
    }

    /** One document as a JSON line with its line end; U+FFFD for lone surrogates. */
    static void line(Document document, StringBuilder out) {
        out.append("{\"id\":\"");
        escape(document.id(), out);
        out.append("\",\"text\":\"");
        escape(document.text(), out);
        out.append("\"}\n");
    }

    private static void escape(String text, StringBuilder out) {
        int from = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c >= ' ' && c != '"' && c != '\\') {
                continue;
            }
            out.append(text, from, i);
            from = i + 1;
            switch (c) {
                case '\n' -> out.append("\\n");
                case '\t' -> out.append("\\t");
                case '"' -> out.append("\\\"");
                case '\\' -> out.append("\\\\");
                default -> out.append(String.format("\\u%04x", (int) c));
            }
        }
        out.append(text, from, text.length());
    }

    /** A frame of JSON lines; {@code bytes} is what their texts take in UTF-8. */
    static Frame frame(byte[] lines, int documents, long bytes, int level) {
        return new Frame(Zstd.compress(lines, level), documents, bytes, sha256().digest(lines));
    }

    static Frame frame(StringBuilder lines, int documents, long bytes, int level) {
        return frame(lines.toString().getBytes(StandardCharsets.UTF_8), documents, bytes, level);
    }

    void append(Frame frame) throws IOException {
        if (frame.documents() == 0) {
            return;
        }
        frames.add(new long[] {channel.position(), frame.compressed().length, documents, frame.documents()});
        var buffer = ByteBuffer.wrap(frame.compressed());
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
        digest.update(frame.hash());
        documents += frame.documents();
        bytes += frame.bytes();
    }

    int frames() {
        return frames.size();
    }

    /** Number of the first document in a frame. */
    long firstDocument(int frame) {
        return frames.get(frame)[2];
    }

    int documentsIn(int frame) {
        return (int) frames.get(frame)[3];
    }

    /** The JSON lines of a frame that was appended; any thread. */
    byte[] lines(int frame) throws IOException {
        long[] place = frames.get(frame);
        var buffer = ByteBuffer.allocate((int) place[1]);
        while (buffer.hasRemaining()) {
            if (channel.read(buffer, place[0] + buffer.position()) < 0) {
                throw new IOException(partial + " was cut short while in use");
            }
        }
        return decompress(buffer.array());
    }

    private static byte[] decompress(byte[] frame) {
        return Zstd.decompress(frame, (int) Zstd.getFrameContentSize(frame));
    }

    DocumentStore finish() throws IOException {
        channel.force(true);
        channel.close();
        Files.move(partial, directory.resolve(DocumentStore.DOCUMENTS), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        String hash = HexFormat.of().formatHex(digest.digest());
        var index = new TreeMap<String, Object>(
                Map.of("format", DocumentStore.FORMAT, "documents", documents, "bytes", bytes, "contentHash", hash));
        AtomicFile.writeBytes(directory.resolve(DocumentStore.INDEX),
                new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsBytes(index));
        finished = true;
        return new DocumentStore(directory, documents, bytes, hash);
    }

    /** Without {@link #finish}, leaves nothing behind. */
    @Override
    public void close() throws IOException {
        if (!finished) {
            channel.close();
            Files.deleteIfExists(partial);
        }
    }

    static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java platform has SHA-256", e);
        }
    }
}
