package dev.zhulong.infer;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A listener that keeps what it was told. */
class RecordingListener implements JobListener {
    final StringBuffer text = new StringBuffer();
    final List<TokenLogProbs> tokens = new ArrayList<>();
    final CompletableFuture<Integer> started = new CompletableFuture<>();
    final CompletableFuture<Integer> wrote = new CompletableFuture<>();
    final CompletableFuture<Generation> end = new CompletableFuture<>();

    @Override
    public void started(int promptTokens, int cachedTokens) {
        started.complete(cachedTokens);
    }

    @Override
    public void wrote(String piece, List<TokenLogProbs> more) {
        text.append(piece);
        tokens.addAll(more);
        wrote.complete(text.length());
    }

    @Override
    public void finished(Generation generation) {
        end.complete(generation);
    }

    @Override
    public void failed(RuntimeException problem) {
        end.completeExceptionally(problem);
    }

    Generation generation() {
        try {
            return end.get(60, TimeUnit.SECONDS);
        } catch (InterruptedException | ExecutionException | TimeoutException e) {
            throw new AssertionError(e);
        }
    }

    Throwable problem() {
        try {
            return new AssertionError("finished: " + end.get(60, TimeUnit.SECONDS));
        } catch (ExecutionException e) {
            return e.getCause();
        } catch (CancellationException e) {
            return e;
        } catch (InterruptedException | TimeoutException e) {
            return e;
        }
    }
}
