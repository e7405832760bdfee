package dev.zhulong.text;

import java.util.Optional;

/** What a token is, in the order of the numbers GGUF gives them ({@code tokenizer.ggml.token_type}). */
enum GgufTokenType {
    UNDEFINED, NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE;

    private static final GgufTokenType[] BY_NUMBER = values();

    static Optional<GgufTokenType> of(long number) {
        return number < 0 || number >= BY_NUMBER.length ? Optional.empty() : Optional.of(BY_NUMBER[(int) number]);
    }

    /** Whether it is a piece of texts. */
    boolean isText() {
        return this == NORMAL || this == UNDEFINED;
    }
}
