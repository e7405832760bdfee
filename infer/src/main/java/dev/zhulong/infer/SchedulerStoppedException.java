package dev.zhulong.infer;

/** A scheduler takes no jobs: it drains, is closed, or its thread has failed, in which case the cause is what it failed of. */
public final class SchedulerStoppedException extends IllegalStateException {
    private static final long serialVersionUID = 1;

    /** @param cause null where it was asked to stop */
    public SchedulerStoppedException(Throwable cause) {
        super(cause == null ? "no more requests are taken" : "the engine has failed: " + cause + "; restart the server", cause);
    }
}
