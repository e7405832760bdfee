package dev.zhulong.serve;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/** What is computed elsewhere for somebody who may leave, and whose time may run out. */
final class Awaited {
    private static final int POLL_MILLIS = 100;

    private Awaited() {}

    /**
     * The result of what {@code submitted} begins, which ends when this does.
     *
     * @throws ApiException what went wrong, as a client is told it; or that its time is over
     * @throws Answers.Gone when nobody waits for it
     */
    static <T> T result(Supplier<CompletableFuture<T>> submitted, Caller caller) {
        CompletableFuture<T> answer = null;
        try {
            answer = submitted.get();
            while (true) {
                caller.check();
                try {
                    return answer.get(POLL_MILLIS, TimeUnit.MILLISECONDS);
                } catch (TimeoutException e) {
                    // asked again whether anyone waits
                }
            }
        } catch (ExecutionException e) {
            throw e.getCause() instanceof RuntimeException problem ? Answers.problem(problem) : Listener.internal(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Answers.Gone();
        } catch (ApiException | Answers.Gone e) {
            throw e;
        } catch (RuntimeException e) {
            throw Answers.problem(e);
        } finally {
            if (answer != null) {
                answer.cancel(false);
            }
        }
    }
}
