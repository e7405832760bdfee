package dev.zhulong.serve;

import java.time.Instant;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/**
 * Who waits for an answer.
 *
 * @param deadline when the request is given up
 * @param open     whether the client is still there
 */
record Caller(Instant deadline, BooleanSupplier open) {
    private static final long POLL_MILLIS = 100;

    /**
     * Whether it is worth going on.
     *
     * @throws Answers.Gone where the client has left
     * @throws ApiException after the deadline
     */
    void check() {
        if (!open.getAsBoolean()) {
            throw new Answers.Gone();
        }
        if (Instant.now().isAfter(deadline)) {
            throw overdue();
        }
    }

    static ApiException overdue() {
        return ApiException.of(504, "server_error", "deadline_exceeded", "the request was not finished by its deadline");
    }

    /** Waits for a turn, which is the caller's to release, while it is worth it. */
    void acquire(Semaphore turns) {
        try {
            do {
                check();
            } while (!turns.tryAcquire(POLL_MILLIS, TimeUnit.MILLISECONDS));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Answers.Gone();
        }
    }
}
