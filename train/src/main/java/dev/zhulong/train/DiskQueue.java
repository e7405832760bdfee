package dev.zhulong.train;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.LongStream;

/** Reads and writes on threads of their own, several at once, as a disk wants them, and how long others waited for them. A transfer begins when those that it names are done; nothing else is in order. */
final class DiskQueue implements AutoCloseable {
    private static final int THREADS = 4;
    /** Bytes that one thread moves at a time. */
    private static final long PIECE = 8 << 20;

    /** Reads or writes a part of some memory. */
    interface Move {
        /** @param at byte of the whole that {@code part} begins at */
        void run(long at, MemorySegment part);
    }

    /**
     * What was asked for.
     *
     * @param memory that it reads or writes
     * @param pieces of it, each of {@link #PIECE} bytes but the last
     */
    record Transfer(MemorySegment memory, List<CompletableFuture<Void>> pieces) {
        /** Done already. */
        static final Transfer NONE = new Transfer(MemorySegment.NULL, List.of());

        private CompletableFuture<Void> all() {
            return CompletableFuture.allOf(pieces.toArray(CompletableFuture<?>[]::new));
        }

        /** When a piece of {@code next} may begin: of the same memory it waits for the same piece alone. */
        private CompletableFuture<Void> before(MemorySegment next, int piece) {
            return memory.address() != next.address() ? all() : piece < pieces.size() ? pieces.get(piece) : CompletableFuture.completedFuture(null);
        }
    }

    private final ExecutorService threads;
    private long waited;

    DiskQueue(String name) {
        threads = Executors.newFixedThreadPool(THREADS, Thread.ofPlatform().name(name).daemon().factory());
    }

    /** @param move is run with pieces of {@code memory}, each once {@code before} are done */
    Transfer submit(MemorySegment memory, Move move, Transfer... before) {
        return new Transfer(memory, LongStream.range(0, (memory.byteSize() + PIECE - 1) / PIECE).mapToObj(i -> {
            long at = i * PIECE;
            MemorySegment part = memory.asSlice(at, Math.min(PIECE, memory.byteSize() - at));
            return CompletableFuture.allOf(Arrays.stream(before).map(each -> each.before(memory, (int) i)).toArray(CompletableFuture<?>[]::new))
                    .thenRunAsync(() -> move.run(at, part), threads);
        }).toList());
    }

    /** Waits for a transfer, and counts the time. What it threw is thrown here. */
    void await(Transfer transfer) {
        long start = System.nanoTime();
        try {
            transfer.all().join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof RuntimeException failed) {
                throw failed;
            }
            throw e;
        } finally {
            waited += System.nanoTime() - start;
        }
    }

    /** Nanoseconds that the caller's thread waited. */
    long waited() {
        return waited;
    }

    /** Ends the threads, once they have done what was begun. */
    @Override
    public void close() {
        threads.close();
    }
}
