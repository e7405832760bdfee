package dev.zhulong.infer;

/** A job was not done by its deadline. */
public final class DeadlineException extends RuntimeException {
    private static final long serialVersionUID = 1;

    DeadlineException(String message) {
        super(message);
    }
}
