package dev.zhulong.data.shard;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.zip.CRC32C;

/** Writes one binary file of a shard directory. Documents' places are held in memory until {@link #finish}: 12 bytes each. */
final class ShardFile implements AutoCloseable {
    static final long MAGIC = 0x534E454B4F544C5AL; // "ZLTOKENS", little-endian
    static final int VERSION = 1;
    static final int HEADER = 32;

    private final Path file;
    private final Path partial;
    private final FileChannel channel;
    private final int tokenBytes;
    private final ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 20).order(ByteOrder.LITTLE_ENDIAN);
    private final CRC32C body = new CRC32C();
    private long[] starts = new long[1 << 10];
    private int[] textBytes = new int[1 << 10];
    private int documents;
    private long tokens;
    private long padding;

    ShardFile(Path file, int tokenBytes) throws IOException {
        this.file = file;
        this.partial = file.resolveSibling(file.getFileName() + ".partial");
        this.tokenBytes = tokenBytes;
        channel = FileChannel.open(partial, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE);
        channel.position(HEADER);
    }

    void begin(int bytes) {
        if (documents == starts.length - 1) {
            starts = Arrays.copyOf(starts, starts.length * 2);
            textBytes = Arrays.copyOf(textBytes, starts.length);
        }
        starts[documents] = tokens;
        textBytes[documents++] = bytes;
    }

    void token(int id) throws IOException {
        room(tokenBytes);
        if (tokenBytes == 2) {
            buffer.putShort((short) id);
        } else {
            buffer.putInt(id);
        }
        tokens++;
    }

    long tokens() {
        return tokens;
    }

    ShardIndex.File finish() throws IOException {
        while ((tokens * tokenBytes + padding) % 8 != 0) {
            room(1);
            buffer.put((byte) 0);
            padding++;
        }
        starts[documents] = tokens;
        for (int i = 0; i <= documents; i++) {
            room(8);
            buffer.putLong(starts[i]);
        }
        for (int i = 0; i < documents; i++) {
            room(4);
            buffer.putInt(textBytes[i]);
        }
        flush();
        long size = channel.position();
        ByteBuffer header = ByteBuffer.allocate(HEADER).order(ByteOrder.LITTLE_ENDIAN)
                .putLong(MAGIC).putInt(VERSION).putInt(tokenBytes).putLong(tokens).putLong(documents).flip();
        while (header.hasRemaining()) {
            channel.write(header, header.position());
        }
        channel.force(true);
        channel.close();
        Files.move(partial, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        return new ShardIndex.File(file.getFileName().toString(), documents, tokens, size, body.getValue());
    }

    private void room(int bytes) throws IOException {
        if (buffer.remaining() < bytes) {
            flush();
        }
    }

    private void flush() throws IOException {
        buffer.flip();
        body.update(buffer.duplicate());
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
        buffer.clear();
    }

    @Override
    public void close() {
        try {
            channel.close();
            Files.deleteIfExists(partial);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
