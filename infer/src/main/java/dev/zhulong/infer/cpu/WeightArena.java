package dev.zhulong.infer.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Memory for a model's matrices, next to each other in pieces that begin where large pages do. A matrix of a megabyte or two that is given memory of its own lies in pages of 4 KB, whose
 * addresses cost a product of one row a tenth of its time.
 *
 * <p>The first megabytes are given out one by one, so that a small model takes and clears no more than it needs.
 */
final class WeightArena implements Arena {
    private static final long LARGE_PAGE = 2 << 20;
    /** Bytes that are given out one by one. */
    private static final long FIRST = 16 << 20;
    /** The largest piece that more than one matrix shares. */
    private static final long MOST = 32 << 20;

    private final Arena memory;
    private long given;
    private MemorySegment piece = MemorySegment.NULL;
    private long used;

    /** @param memory which closes what is taken from it, and is closed with this */
    WeightArena(Arena memory) {
        this.memory = memory;
    }

    @Override
    public synchronized MemorySegment allocate(long bytes, long alignment) {
        if (bytes == 0 || given < FIRST || bytes > MOST) {
            given += bytes;
            return memory.allocate(bytes, bytes > MOST ? Math.max(alignment, LARGE_PAGE) : alignment);
        }
        long at = (used + alignment - 1) / alignment * alignment;
        if (at + bytes > piece.byteSize()) {
            // a model is at most so much larger for it
            long size = Math.max(bytes, Math.min(MOST, given / 4));
            piece = memory.allocate((size + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE, LARGE_PAGE);
            at = 0;
        }
        used = at + bytes;
        given += bytes;
        return piece.asSlice(at, bytes);
    }

    @Override
    public MemorySegment.Scope scope() {
        return memory.scope();
    }

    @Override
    public void close() {
        memory.close();
    }
}
