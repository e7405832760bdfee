package dev.zhulong.infer.cpu;

import dev.zhulong.kernels.KvPages;

/**
 * A source text, and once it was read the keys and values that each layer of the decoder has made of what the encoder gave: in pages of the decoder's pool, where
 * they lie once however many sequences are written of the source.
 */
final class CachedSource {
    private final PagePool pool;
    private final int[] ids;
    /** Empty until the source was read. */
    private int[] table = {};
    private int users = 1;

    CachedSource(PagePool pool, int[] ids) {
        this.pool = pool;
        this.ids = ids.clone();
    }

    int[] ids() {
        return ids;
    }

    int length() {
        return ids.length;
    }

    boolean isRead() {
        return table.length > 0;
    }

    /** Pages in order of the source's positions. */
    int[] table() {
        return table;
    }

    /** Takes pages for all of the source. */
    void reserve() {
        int[] pages = new int[(ids.length + KvPages.PAGE - 1) / KvPages.PAGE];
        int taken = 0;
        try {
            for (; taken < pages.length; taken++) {
                pages[taken] = pool.take();
            }
        } catch (RuntimeException | Error e) {
            while (taken > 0) {
                pool.give(pages[--taken]);
            }
            throw e;
        }
        table = pages;
    }

    /** One more sequence is written of it. */
    CachedSource share() {
        users++;
        return this;
    }

    /** A sequence that was written of it is gone; the last one takes the pages with it. */
    void leave() {
        if (--users == 0) {
            forget();
        }
    }

    /** Gives the pages back: the source is to be read again. */
    void forget() {
        for (int page : table) {
            pool.give(page);
        }
        table = new int[0];
    }
}
