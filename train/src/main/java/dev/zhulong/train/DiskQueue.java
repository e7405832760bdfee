package dev.zhulong.train;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Reads or writes on a thread of its own, in the order in which they were asked for, and how long others waited for them. */
final class DiskQueue implements AutoCloseable {
    /** Done already. */
    static final Future<?> NOTHING = CompletableFuture.completedFuture(null);

    private final ExecutorService thread;
    private long waited;

    DiskQueue(String name) {
        thread = Executors.newSingleThreadExecutor(Thread.ofPlatform().name(name).daemon().factory());
    }

    /** @param task may wait for what another queue was asked before, never for what is asked later */
    Future<?> submit(Runnable task) {
        return CompletableFuture.runAsync(task, thread);
    }

    /** Waits for a task, and counts the time. */
    void await(Future<?> task) {
        long start = System.nanoTime();
        done(task);
        waited += System.nanoTime() - start;
    }

    /** Waits for a task. What it threw is thrown here. */
    static void done(Future<?> task) {
        try {
            ((CompletableFuture<?>) task).join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof RuntimeException failed) {
                throw failed;
            }
            throw e;
        }
    }

    /** Nanoseconds that the caller's thread waited. */
    long waited() {
        return waited;
    }

    /** Ends the thread, once it has done what it was asked for. */
    @Override
    public void close() {
        thread.close();
    }
}
