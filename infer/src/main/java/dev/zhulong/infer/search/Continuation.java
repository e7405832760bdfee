package dev.zhulong.infer.search;

/** Texts that a model writes side by side, a token each at a time. One thread uses it. */
public interface Continuation extends AutoCloseable {
    /**
     * What follows when row {@code i} has {@code tokens[i]} added.
     *
     * @return logits, [rows][vocab]
     */
    float[][] append(int[] tokens);

    /** From now on there are as many rows as {@code rows} has entries, and row {@code i} is what row {@code rows[i]} was. */
    void choose(int[] rows);

    @Override
    void close();
}
