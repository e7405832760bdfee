package dev.zhulong.infer;

/** There is no memory left for keys and values; the message says how much there was. Jobs that end give some back. */
public final class NoMemoryException extends IllegalStateException {
    private static final long serialVersionUID = 1;

    public NoMemoryException(String message, Throwable cause) {
        super(message, cause);
    }
}
