package dev.zhulong.train;

import dev.zhulong.distribute.Collectives;
import dev.zhulong.distribute.RankFailure;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;

/** The calls of a rank, one after another on a thread of their own, so that training goes on meanwhile. All ranks begin the same ones in the same order. */
final class Exchanges implements AutoCloseable {
    private final Collectives ranks;
    private final ExecutorService thread;

    /** @param ranks stay the caller's, and are closed after this, as whatever is under way uses their memory */
    Exchanges(Collectives ranks) {
        this.ranks = ranks;
        thread = Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().name("rank-" + ranks.rank() + "-exchanges").factory());
    }

    Collectives ranks() {
        return ranks;
    }

    /** Begins a call once those before it have ended. */
    Future<?> begin(Consumer<Collectives> call) {
        return thread.submit(() -> call.accept(ranks));
    }

    /** Makes a call once those before it have ended, and waits for it. */
    <T> T then(Function<Collectives, T> call) {
        return await(thread.submit(() -> call.apply(ranks)));
    }

    /** @throws RankFailure where a rank was lost meanwhile */
    <T> T await(Future<T> begun) {
        try {
            return begun.get();
        } catch (ExecutionException e) {
            // what it says is of this step, whoever waited for it
            throw e.getCause() instanceof RankFailure failure ? failure : new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while ranks exchanged values", e);
        }
    }

    @Override
    public void close() {
        thread.shutdownNow();
        try {
            if (!thread.awaitTermination(1, TimeUnit.MINUTES)) {
                throw new IllegalStateException("an exchange among ranks does not end");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
