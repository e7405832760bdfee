package dev.zhulong.serve;

import dev.zhulong.infer.QueueFullException;
import dev.zhulong.infer.speech.SpeechModel;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** A model that hears and is served: one recording after the other, as one fills the machine. The model stays the caller's, but nobody else may use it until this is closed. */
public final class ServedSpeech implements AutoCloseable {
    private static final int RETRY_SECONDS = 10;

    private final String name;
    private final String engine;
    private final SpeechModel model;
    private final int most;
    private final ExecutorService turns = Executors.newSingleThreadExecutor(Thread.ofPlatform().name("speech").daemon().factory());
    private final AtomicInteger waiting = new AtomicInteger();
    private final AtomicLong milliseconds = new AtomicLong();

    /**
     * Begins to run.
     *
     * @param name    clients ask for it by
     * @param engine  in words, such as {@code torch f32}
     * @param waiting most requests that wait
     */
    public ServedSpeech(String name, String engine, SpeechModel model, int waiting) {
        this.name = name;
        this.engine = engine;
        this.model = model;
        this.most = waiting;
    }

    public String name() {
        return name;
    }

    String engine() {
        return engine;
    }

    SpeechModel model() {
        return model;
    }

    /** Requests that wait or run. */
    int waiting() {
        return waiting.get();
    }

    /** Seconds of recordings that were transcribed. */
    double seconds() {
        return milliseconds.get() / 1000.0;
    }

    void heard(double seconds) {
        milliseconds.addAndGet(Math.round(seconds * 1000));
    }

    /**
     * Runs something when its turn comes, unless it is cancelled before.
     *
     * @throws QueueFullException where too many wait
     */
    <R> CompletableFuture<R> submit(Callable<R> work) {
        if (waiting.incrementAndGet() > most) {
            waiting.decrementAndGet();
            throw new QueueFullException(most, RETRY_SECONDS);
        }
        var answer = new CompletableFuture<R>();
        try {
            turns.execute(() -> {
                try {
                    if (!answer.isCancelled()) {
                        answer.complete(work.call());
                    }
                } catch (Throwable e) {
                    answer.completeExceptionally(e);
                } finally {
                    waiting.decrementAndGet();
                }
            });
        } catch (RejectedExecutionException e) {
            waiting.decrementAndGet();
            throw ApiException.later(503, "server_error", "shutting_down", 5, "the server is shutting down");
        }
        return answer;
    }

    /** Takes no more, and waits until what was taken is done. */
    void drain() throws InterruptedException {
        turns.shutdown();
        turns.awaitTermination(Long.MAX_VALUE, TimeUnit.NANOSECONDS);
    }

    /** Gives up what waits. */
    @Override
    public void close() {
        turns.shutdownNow();
        try {
            turns.awaitTermination(1, TimeUnit.HOURS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
