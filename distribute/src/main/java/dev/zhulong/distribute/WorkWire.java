package dev.zhulong.distribute;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/** What a worker and its server say on their connection: a worker asks, the server answers, one thing after another. */
final class WorkWire implements AutoCloseable {
    /** What a worker asks. */
    enum Request {
        /** To go on once the server has come there so many times: a number; answered when it has. */
        BARRIER,
        /** Whether it means the same: a fingerprint, and the bytes of weights and of a gradient; answered by whether it does. */
        HELLO,
        /** For a batch: the version of the weights it has; answered by whether there is one, its number, the version, whether weights follow, and these. */
        NEXT,
        /** To take a gradient: number, version, sum and count of the loss, bytes, tokens, and values; answered by whether it was of use. */
        PUSH
    }

    private static final int MAGIC = 0x5a4c5753;
    private static final int PIECE = 1 << 20;

    private final Wire channel;
    private final ByteBuffer out = ByteBuffer.allocate(128);

    WorkWire(Wire channel) {
        this.channel = channel;
    }

    Request request() throws IOException {
        long word = readLong();
        int kind = (int) word;
        if (word >>> 32 != MAGIC || kind < 0 || kind >= Request.values().length) {
            throw new IOException("speaks another version of the protocol");
        }
        return Request.values()[kind];
    }

    void write(Request request, long... numbers) throws IOException {
        out.putLong((long) MAGIC << 32 | request.ordinal());
        write(numbers);
    }

    void write(long... numbers) throws IOException {
        for (long number : numbers) {
            out.putLong(number);
        }
    }

    void write(MemorySegment values) throws IOException {
        flush();
        for (long at = 0; at < values.byteSize(); at += PIECE) {
            ByteBuffer piece = values.asSlice(at, Math.min(PIECE, values.byteSize() - at)).asByteBuffer();
            while (piece.hasRemaining()) {
                channel.write(piece);
            }
        }
    }

    void flush() throws IOException {
        out.flip();
        while (out.hasRemaining()) {
            channel.write(out);
        }
        out.clear();
    }

    void answer(boolean yes) throws IOException {
        out.putLong(yes ? 1 : 0);
        flush();
    }

    boolean readAnswer() throws IOException {
        return readLong() == 1;
    }

    long readLong() throws IOException {
        ByteBuffer number = ByteBuffer.allocate(Long.BYTES);
        read(number);
        return number.flip().getLong();
    }

    void read(MemorySegment values) throws IOException {
        for (long at = 0; at < values.byteSize(); at += PIECE) {
            read(values.asSlice(at, Math.min(PIECE, values.byteSize() - at)).asByteBuffer());
        }
    }

    private void read(ByteBuffer to) throws IOException {
        while (to.hasRemaining()) {
            if (channel.read(to) < 0) {
                throw new EOFException("closed its connection");
            }
        }
    }

    @Override
    public void close() {
        channel.close();
    }
}
