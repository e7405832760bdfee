package dev.zhulong.infer.cpu;

import dev.zhulong.infer.LanguageModel.KvCache;
import java.util.ArrayList;
import java.util.List;

/**
 * Keys and values of one sequence in f16, in pages of {@value #PAGE} tokens that are taken as the sequence grows. A page holds, layer by layer, keys
 * and values as [kv head, token, head dim].
 */
final class PagedCache implements KvCache {
    /** Tokens in a page. */
    static final int PAGE = 64;

    private final int capacity;
    private final int layers;
    private final int kvHeads;
    private final int headDim;
    /** [page][2 * layer + (key 0, value 1)][kv head, token, head dim] */
    private final List<short[][]> pages = new ArrayList<>();
    private int length;

    PagedCache(int capacity, int layers, int kvHeads, int headDim) {
        this.capacity = capacity;
        this.layers = layers;
        this.kvHeads = kvHeads;
        this.headDim = headDim;
    }

    /** Bytes a token takes. */
    static long bytesPerToken(int layers, int kvHeads, int headDim) {
        return 2L * layers * kvHeads * headDim * Short.BYTES;
    }

    /** Takes pages for {@code more} tokens. */
    void reserve(int more) {
        if (length + more > capacity) {
            throw new IllegalArgumentException("a cache of " + capacity + " tokens that holds " + length + " has no room for " + more + " more");
        }
        while (pages.size() * PAGE < length + more) {
            pages.add(new short[2 * layers][kvHeads * PAGE * headDim]);
        }
    }

    /** Puts a key and a value [kv heads, head dim] at {@code position}, which was reserved. */
    void put(int layer, int position, float[] keys, int key, float[] values, int value) {
        short[][] page = pages.get(position / PAGE);
        int token = position % PAGE;
        for (int head = 0; head < kvHeads; head++) {
            int to = (head * PAGE + token) * headDim;
            narrow(keys, key + head * headDim, page[2 * layer], to, headDim);
            narrow(values, value + head * headDim, page[2 * layer + 1], to, headDim);
        }
    }

    private static void narrow(float[] from, int at, short[] to, int target, int n) {
        for (int i = 0; i < n; i++) {
            to[target + i] = Float.floatToFloat16(from[at + i]);
        }
    }

    /** Keys of a head on a page as floats, [token, head dim]. */
    void keys(int layer, int page, int head, int tokens, float[] to) {
        widen(pages.get(page)[2 * layer], head * PAGE * headDim, to, tokens * headDim);
    }

    /** Values of a head on a page as floats, [token, head dim]. */
    void values(int layer, int page, int head, int tokens, float[] to) {
        widen(pages.get(page)[2 * layer + 1], head * PAGE * headDim, to, tokens * headDim);
    }

    private static void widen(short[] from, int at, float[] to, int n) {
        for (int i = 0; i < n; i++) {
            to[i] = Float.float16ToFloat(from[at + i]);
        }
    }

    void append(int tokens) {
        length += tokens;
    }

    @Override
    public int length() {
        return length;
    }

    @Override
    public int capacity() {
        return capacity;
    }

    @Override
    public void truncate(int to) {
        if (to < 0 || to > length) {
            throw new IllegalArgumentException("cannot cut a cache of " + length + " tokens to " + to);
        }
        length = to;
        while (pages.size() * PAGE >= to + PAGE) {
            pages.removeLast();
        }
    }

    @Override
    public void close() {
        pages.clear();
        length = 0;
    }
}
