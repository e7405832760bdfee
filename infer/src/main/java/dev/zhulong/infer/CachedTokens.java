package dev.zhulong.infer;

import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Logits;
import dev.zhulong.infer.LanguageModel.Span;
import java.util.Arrays;

/**
 * A sequence's cache and the ids whose keys and values are in it: what was read, be it a guess that turned out wrong, and not what was written.
 * After a call of the model that failed it is what it was before, once it has been cut.
 */
final class CachedTokens implements AutoCloseable {
    private final KvCache cache;
    private int[] ids = new int[64];
    private int count;

    /** Over an empty cache, closed with this. */
    CachedTokens(KvCache cache) {
        this.cache = cache;
    }

    KvCache cache() {
        return cache;
    }

    int length() {
        return count;
    }

    int capacity() {
        return cache.capacity();
    }

    /** A copy of the ids held. */
    int[] ids() {
        return Arrays.copyOf(ids, count);
    }

    /**
     * Cuts the cache to what it has in common with the first {@code n} of {@code sequence}; the last of them is never kept, for its logits come
     * from reading it.
     *
     * @return the number of tokens kept
     */
    int keep(int[] sequence, int n) {
        int most = Math.min(count, n - 1);
        int other = Arrays.mismatch(ids, 0, most, sequence, 0, most);
        truncate(other < 0 ? most : other);
        return count;
    }

    /** For reading {@code next} after what is held; {@link #ran} once that is done. */
    Span span(int[] next, Logits logits) {
        return new Span(cache, next, logits);
    }

    void ran(int[] next) {
        if (ids.length < count + next.length) {
            ids = Arrays.copyOf(ids, 2 * (count + next.length));
        }
        System.arraycopy(next, 0, ids, count, next.length);
        count += next.length;
    }

    void truncate(int to) {
        cache.truncate(to);
        count = to;
    }

    @Override
    public void close() {
        cache.close();
    }
}
