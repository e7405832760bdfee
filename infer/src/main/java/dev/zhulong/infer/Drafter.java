package dev.zhulong.infer;

import dev.zhulong.text.Tokenizer;

/**
 * Guesses how a sequence goes on, so that a model can read several tokens at once and keep those it would have written itself (Leviathan et al.
 * 2023). A guess costs time when it is wrong; it never changes the text: a token is kept where the sampler, with the logits of that place and its
 * own random numbers, draws it.
 */
public interface Drafter extends AutoCloseable {
    /**
     * Guesses what follows.
     *
     * @param ids  prompt and text so far in the first {@code count}; the rest is not to be read
     * @param most tokens wanted at most
     * @param out  where they go; at least {@code most} long
     * @return how many there are
     */
    int draft(int[] ids, int count, int most, int[] out);

    /** Tells that the sequence goes on otherwise than it did after its first {@code count} ids. */
    default void cut(int count) {}

    @Override
    default void close() {}

    /** One for each sequence, or for each conversation, which is a sequence that is cut now and then. */
    interface Factory {
        /** For a new one. */
        Drafter begin();

        /** Refuses a text model whose ids mean something else. */
        default void check(Tokenizer tokenizer) {}
    }
}
