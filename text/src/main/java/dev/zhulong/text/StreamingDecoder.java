package dev.zhulong.text;

/**
 * Turns ids into text one at a time without ever splitting a character. The pieces, joined, with {@link #flush} at the end, equal
 * {@link Tokenizer#decode} of all ids. Not safe for several threads.
 */
public interface StreamingDecoder {
    /** The text that {@code id} completes; empty while a character is still incomplete. */
    String next(int id);

    /** What is left: incomplete bytes as U+FFFD. The decoder can then be used again for a new sequence. */
    String flush();
}
