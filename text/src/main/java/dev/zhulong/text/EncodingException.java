package dev.zhulong.text;

/** A text that a tokenizer cannot encode; the tokenizer itself goes on. */
public final class EncodingException extends IllegalArgumentException {
    private static final long serialVersionUID = 1;

    private final String reason;

    EncodingException(String tokenizer, String reason, Throwable cause) {
        super(tokenizer + ": " + reason, cause);
        this.reason = reason;
    }

    /** Why, without the tokenizer's place. */
    public String reason() {
        return reason;
    }
}
