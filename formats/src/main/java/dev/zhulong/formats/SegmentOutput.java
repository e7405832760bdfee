package dev.zhulong.formats;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;

/** Writes memory segments of any kind and size to a channel, one after the other. */
public final class SegmentOutput {

    private static final int CHUNK = 4 << 20;

    private final FileChannel channel;
    private final ByteBuffer staging = ByteBuffer.allocateDirect(CHUNK);

    /** An output that begins where {@code channel} stands. */
    public SegmentOutput(FileChannel channel) {
        this.channel = channel;
    }

    /** Appends {@code data}. Through a buffer, because a segment on the heap or beyond 2 GiB gives none of its own. */
    public void write(MemorySegment data) throws IOException {
        MemorySegment buffer = MemorySegment.ofBuffer(staging.clear());
        for (long done = 0; done < data.byteSize(); done += CHUNK) {
            int length = (int) Math.min(CHUNK, data.byteSize() - done);
            MemorySegment.copy(data, done, buffer, 0, length);
            staging.clear().limit(length);
            while (staging.hasRemaining()) {
                channel.write(staging);
            }
        }
    }

    /** Appends {@code bytes}. */
    public void write(byte[] bytes) throws IOException {
        write(MemorySegment.ofArray(bytes));
    }
}
