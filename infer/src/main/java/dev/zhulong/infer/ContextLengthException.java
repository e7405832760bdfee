package dev.zhulong.infer;

/** A prompt, or what is to be written after it, is longer than the model's context or the memory for it. */
public final class ContextLengthException extends IllegalArgumentException {
    private static final long serialVersionUID = 1;

    public ContextLengthException(String message) {
        super(message);
    }
}
