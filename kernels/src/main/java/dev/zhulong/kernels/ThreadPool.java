package dev.zhulong.kernels;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A fixed number of threads that take the chunks of one task after another, made for the hundreds of short regions of a token.
 *
 * <p>The caller works too. Threads spin for a moment between tasks before they park. Which thread takes which chunk is a matter of
 * timing, so a chunk must compute the same whoever takes it. Starting a task allocates nothing. Calls from several threads take turns; a
 * call from inside a task runs its chunks on the spot.
 */
public final class ThreadPool implements AutoCloseable {
    /** A region of work that falls into independent chunks. */
    @FunctionalInterface
    public interface Task {
        /** Computes chunk {@code chunk}. */
        void run(int chunk);
    }

    private static final long SPIN_NANOS = 500_000;
    /** Of {@link #runShort}. */
    private static final int MOST_TOGETHER = 16;

    private final ReentrantLock turn = new ReentrantLock();
    private final Worker[] workers;

    /** Chunks not yet taken; counts down, below zero when threads come late. */
    private final AtomicInteger left = new AtomicInteger();
    /** Chunks that have ended. */
    private final AtomicInteger ended = new AtomicInteger();

    // task and chunks are written before left and read after a chunk was taken, so they belong to that chunk
    private Task task;
    private int chunks;
    private volatile Throwable failure;
    private volatile boolean closed;
    /** Until when the caller works alone, in nanoseconds; 0 once that is over. */
    private long alone;

    /**
     * Starts {@code threads - 1} daemon threads.
     *
     * @throws IllegalArgumentException when {@code threads} is less than one
     */
    public ThreadPool(int threads) {
        if (threads < 1) {
            throw new IllegalArgumentException("a pool of " + threads + " threads: expected at least 1");
        }
        workers = new Worker[threads - 1];
        for (int i = 0; i < workers.length; i++) {
            workers[i] = new Worker(i + 1);
            workers[i].start();
        }
    }

    /**
     * Lets the caller work alone for so long from now on. Threads that wait for short regions spin, and where a process has just started they take the processors that its
     * compilers want, who bring more than a second thread does.
     *
     * @param nanos to be alone; 0 ends it
     */
    public void workAlone(long nanos) {
        turn.lock();
        try {
            alone = nanos == 0 ? 0 : System.nanoTime() + nanos;
        } finally {
            turn.unlock();
        }
    }

    private boolean isAlone() {
        if (alone != 0 && System.nanoTime() - alone >= 0) {
            alone = 0;
        }
        return alone != 0;
    }

    /** Threads that work, the caller included. */
    public int threads() {
        return workers.length + 1;
    }

    /**
     * Runs the chunks {@code 0 … count} and returns when all have ended.
     *
     * @throws IllegalStateException when the pool is closed
     * @throws RuntimeException      what a chunk threw, the first where several did; the other chunks were run
     */
    public void run(Task work, int count) {
        if (count <= 0) {
            return;
        }
        if (turn.isHeldByCurrentThread() || Thread.currentThread() instanceof Worker worker && worker.pool() == this) {
            runHere(work, count);
            return;
        }
        turn.lock();
        try {
            if (count == 1 || workers.length == 0 || isAlone()) {
                runHere(work, count);
                return;
            }
            requireOpen();
            task = work;
            chunks = count;
            failure = null;
            ended.set(0);
            left.set(count);
            for (Worker worker : workers) {
                if (worker.parked) {
                    LockSupport.unpark(worker);
                }
            }
            takeChunks();
            for (int spins = 0; ended.get() < count; spins++) {
                if (spins < 10_000) {
                    Thread.onSpinWait();
                } else {
                    Thread.yield();
                }
            }
            task = null;
            Throwable thrown = failure;
            if (thrown != null) {
                failure = null;
                rethrow(thrown);
            }
        } finally {
            turn.unlock();
        }
    }

    /**
     * Runs {@code 0 … count}, each a fraction of a microsecond, some neighbours a chunk: a chunk costs its taker what two processors need to agree.
     *
     * @throws IllegalStateException when the pool is closed
     * @throws RuntimeException      what one of them threw
     */
    public void runShort(Task work, int count) {
        int together = Math.clamp(count / (threads() * 4L), 1, MOST_TOGETHER);
        if (together == 1) {
            run(work, count);
            return;
        }
        run(chunk -> {
            int end = Math.min(count, (chunk + 1) * together);
            for (int i = chunk * together; i < end; i++) {
                work.run(i);
            }
        }, (count + together - 1) / together);
    }

    private void runHere(Task work, int count) {
        requireOpen();
        for (int i = 0; i < count; i++) {
            work.run(i);
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the thread pool is closed");
        }
    }

    private void takeChunks() {
        while (left.get() > 0) {
            int ticket = left.getAndDecrement();
            if (ticket <= 0) {
                return;
            }
            try {
                task.run(chunks - ticket);
            } catch (Throwable t) {
                if (failure == null) {
                    failure = t;
                }
            } finally {
                ended.incrementAndGet();
            }
        }
    }

    private static void rethrow(Throwable thrown) {
        switch (thrown) {
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            default -> throw new IllegalStateException(thrown);
        }
    }

    /** Ends the threads, after the task that runs. */
    @Override
    public void close() {
        turn.lock();
        try {
            closed = true;
        } finally {
            turn.unlock();
        }
        for (Worker worker : workers) {
            LockSupport.unpark(worker);
        }
    }

    private final class Worker extends Thread {
        volatile boolean parked;

        Worker(int index) {
            super("kernels-" + index);
            setDaemon(true);
        }

        ThreadPool pool() {
            return ThreadPool.this;
        }

        @Override
        public void run() {
            while (!closed) {
                takeChunks();
                long until = System.nanoTime() + SPIN_NANOS;
                while (left.get() <= 0 && !closed) {
                    for (int i = 0; i < 64 && left.get() <= 0; i++) {
                        Thread.onSpinWait();
                    }
                    if (left.get() <= 0 && System.nanoTime() > until) {
                        park();
                    }
                }
            }
        }

        private void park() {
            parked = true;
            // looked at again once parked can be seen, or a task that came in between would not wake this thread
            while (left.get() <= 0 && !closed) {
                LockSupport.park(ThreadPool.this);
            }
            parked = false;
        }
    }
}
