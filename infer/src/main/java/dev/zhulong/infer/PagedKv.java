package dev.zhulong.infer;

import java.util.List;

/** A cache that lies in pages of a fixed number of tokens. Full pages can be held by several sequences of a model at once: their memory is there once. */
public interface PagedKv extends LanguageModel.KvCache {
    /** Tokens of a page. */
    int pageTokens();

    /**
     * Holds page {@code index}, full, so that it outlives this cache. Whose tokens they are, and which came before them, is the holder's to know.
     *
     * @throws IllegalArgumentException when there is no such page, or it is not full
     */
    Page hold(int index);

    /**
     * Begins this cache, which is empty, with pages of the same model, in order; the caller holds them still.
     *
     * @throws IllegalArgumentException when the cache is not empty or too small, or a page is another model's
     */
    void begin(List<Page> pages);

    /** A page that is held. */
    interface Page extends AutoCloseable {
        @Override
        void close();
    }
}
