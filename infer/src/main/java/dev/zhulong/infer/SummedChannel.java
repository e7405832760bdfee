package dev.zhulong.infer;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.util.zip.CRC32C;

/** Passes on all that is asked for, or fails, and sums it up. */
final class SummedChannel implements WritableByteChannel, ReadableByteChannel {
    private final FileChannel channel;
    private final CRC32C crc = new CRC32C();

    SummedChannel(FileChannel channel) {
        this.channel = channel;
    }

    static ByteBuffer little(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** CRC-32C of all that has passed. */
    int sum() {
        return (int) crc.getValue();
    }

    /** The next bytes, to be read. */
    ByteBuffer next(int bytes) throws IOException {
        ByteBuffer buffer = little(bytes);
        read(buffer);
        return buffer.flip();
    }

    @Override
    public int write(ByteBuffer from) throws IOException {
        int bytes = from.remaining();
        crc.update(from.duplicate());
        while (from.hasRemaining()) {
            channel.write(from);
        }
        return bytes;
    }

    @Override
    public int read(ByteBuffer to) throws IOException {
        int bytes = to.remaining();
        ByteBuffer filled = to.duplicate();
        while (to.hasRemaining()) {
            if (channel.read(to) < 0) {
                throw new EOFException("it ends too early");
            }
        }
        crc.update(filled);
        return bytes;
    }

    @Override
    public boolean isOpen() {
        return channel.isOpen();
    }

    @Override
    public void close() {
        // the file is its opener's
    }
}
