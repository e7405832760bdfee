package dev.zhulong.infer;

/** A scheduler has as many jobs waiting as it takes. */
public final class QueueFullException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final int retryAfterSeconds;

    public QueueFullException(int waiting, int retryAfterSeconds) {
        super(waiting + " requests are waiting already: try again in " + retryAfterSeconds + " s");
        this.retryAfterSeconds = retryAfterSeconds;
    }

    /** When a place is likely to be free. */
    public int retryAfterSeconds() {
        return retryAfterSeconds;
    }
}
