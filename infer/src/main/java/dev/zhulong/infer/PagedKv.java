package dev.zhulong.infer;

import java.io.IOException;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.util.List;

/** A cache that lies in pages of a fixed number of tokens. Pages can be held by several sequences of a model at once: their memory is there once. */
public interface PagedKv extends StorableCache {
    /** Tokens of a page. */
    int pageTokens();

    /**
     * Holds page {@code index} so that it outlives this cache. Whose tokens they are, how many, and which came before them, is the holder's to know.
     *
     * @throws IllegalArgumentException when there is no such page, or it holds nothing
     */
    Page hold(int index);

    /**
     * Begins this cache, which is empty, with pages of the same model, in order; the caller holds them still. Where the last is not full, the cache is to be
     * cut to what it holds.
     *
     * @throws IllegalArgumentException when the cache is not empty or too small, or a page is another model's
     */
    void begin(List<Page> pages);

    /**
     * A page, held, as {@link Page#save} wrote it under the same {@link StorableCache#layout}; it is no part of this cache.
     *
     * @throws IllegalStateException where there is no memory for it
     */
    Page restore(ReadableByteChannel from) throws IOException;

    /** A page that is held. */
    interface Page extends AutoCloseable {
        /** Writes it whole, in as many bytes as {@link StorableCache#bytes} says of its tokens. */
        void save(WritableByteChannel to) throws IOException;

        @Override
        void close();
    }
}
