package dev.zhulong.data;

import java.util.ArrayDeque;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * Work done on all cores, results taken in the order in which it was given. At most a few pieces are under way, so that memory stays
 * bounded however long the input is. {@code consumer} runs in the thread that calls {@link #give} and {@link #finish}.
 */
final class InOrder<A, B> implements AutoCloseable {
    private final ExecutorService workers;
    private final Function<A, B> work;
    private final Consumer<B> consumer;
    private final ArrayDeque<Future<B>> underWay = new ArrayDeque<>();
    private final int most;

    InOrder(int threads, Function<A, B> work, Consumer<B> consumer) {
        this.workers = Executors.newFixedThreadPool(threads, Thread.ofPlatform().daemon().name("clean-", 0).factory());
        this.work = work;
        this.consumer = consumer;
        this.most = 3 * threads;
    }

    void give(A piece) {
        underWay.add(workers.submit(() -> work.apply(piece)));
        while (underWay.size() > most || !underWay.isEmpty() && underWay.peek().isDone()) {
            take();
        }
    }

    void finish() {
        while (!underWay.isEmpty()) {
            take();
        }
    }

    private void take() {
        try {
            consumer.accept(underWay.remove().get());
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException runtime) {
                throw runtime;
            }
            throw new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", e);
        }
    }

    @Override
    public void close() {
        workers.shutdownNow();
    }
}
