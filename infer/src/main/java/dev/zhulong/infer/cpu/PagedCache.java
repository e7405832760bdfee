package dev.zhulong.infer.cpu;

import dev.zhulong.infer.LongRopeTokens;
import dev.zhulong.infer.PagedKv;
import dev.zhulong.kernels.KvPages;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.util.Arrays;
import java.util.List;

/** Keys and values of one sequence in pages of a pool, taken as it grows and given back as it is cut or closed. */
final class PagedCache implements PagedKv {
    private final PagePool pool;
    private final int capacity;
    /** Null for none. */
    private final CpuAdapter adapter;
    /** Null where the model has no LongRoPE. */
    private final LongRopeTokens longRope;
    /** What the sequence is written of; null where it is written of nothing. */
    private final CachedSource source;
    private int[] table = new int[4];
    private int pages;
    private int length;
    private boolean closed;

    PagedCache(PagePool pool, int capacity, CpuAdapter adapter, LongRopeTokens longRope) {
        this(pool, capacity, adapter, longRope, null);
    }

    /** Of a sequence that is written of a source, which this cache leaves when it is closed. */
    PagedCache(PagePool pool, int capacity, CachedSource source) {
        this(pool, capacity, null, null, source);
    }

    private PagedCache(PagePool pool, int capacity, CpuAdapter adapter, LongRopeTokens longRope, CachedSource source) {
        if (capacity <= 0) {
            throw new IllegalArgumentException("a cache needs room for at least one token, asked for " + capacity);
        }
        this.pool = pool;
        this.capacity = capacity;
        this.adapter = adapter;
        this.longRope = longRope;
        this.source = source;
    }

    /** One of the same source that begins with the same tokens, over the same pages until it writes into them. */
    PagedCache fork() {
        var other = new PagedCache(pool, capacity, source.share());
        other.table = table.clone();
        for (; other.pages < pages; other.pages++) {
            pool.hold(table[other.pages]);
        }
        other.length = length;
        return other;
    }

    CachedSource source() {
        return source;
    }

    CpuAdapter adapter() {
        return adapter;
    }

    LongRopeTokens longRope() {
        return longRope;
    }

    PagePool pool() {
        return pool;
    }

    /** Pages in order of their positions; more entries than pages. */
    int[] table() {
        return table;
    }

    int page(int position) {
        return table[position / KvPages.PAGE];
    }

    /** Takes pages for {@code more} tokens, which no other sequence sees being filled. */
    void reserve(int more) {
        if (length + more > capacity) {
            throw new IllegalArgumentException("a cache of " + capacity + " tokens that holds " + length + " has no room for " + more + " more");
        }
        if (length % KvPages.PAGE != 0 && pool.isShared(page(length))) {
            int shared = table[pages - 1];
            table[pages - 1] = pool.copy(shared);
            pool.give(shared);
        }
        while (pages * KvPages.PAGE < length + more) {
            if (pages == table.length) {
                table = Arrays.copyOf(table, 2 * pages);
            }
            table[pages] = pool.take();
            pages++;
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
        while (pages * KvPages.PAGE >= to + KvPages.PAGE) {
            pool.give(table[--pages]);
        }
    }

    @Override
    public int pageTokens() {
        return KvPages.PAGE;
    }

    @Override
    public Page hold(int index) {
        if (index < 0 || index * KvPages.PAGE >= length) {
            throw new IllegalArgumentException("page " + index + " of a cache of " + length + " tokens holds nothing");
        }
        pool.hold(table[index]);
        return new Held(pool, table[index]);
    }

    @Override
    public void begin(List<Page> held) {
        if (length > 0 || (held.size() - 1) * KvPages.PAGE >= capacity) {
            throw new IllegalArgumentException("a cache of " + capacity + " tokens that holds " + length + " cannot begin with " + held.size() + " pages");
        }
        truncate(0);
        table = new int[Math.max(table.length, held.size())];
        for (Page page : held) {
            if (!(page instanceof Held h) || h.pool != pool) {
                throw new IllegalArgumentException("the page belongs to another model");
            }
            pool.hold(h.number);
            table[pages++] = h.number;
        }
        length = pages * KvPages.PAGE;
    }

    @Override
    public Page restore(ReadableByteChannel from) throws IOException {
        var page = new Held(pool, pool.take());
        try {
            read(pool, page.number, from);
            return page;
        } catch (IOException | RuntimeException e) {
            page.close();
            throw e;
        }
    }

    /** A page that someone besides the caches holds. */
    private static final class Held implements Page {
        private final PagePool pool;
        private final int number;
        private boolean closed;

        Held(PagePool pool, int number) {
            this.pool = pool;
            this.number = number;
        }

        @Override
        public void save(WritableByteChannel to) throws IOException {
            write(pool, number, to);
        }

        @Override
        public void close() {
            if (!closed) {
                closed = true;
                pool.give(number);
            }
        }
    }

    @Override
    public String layout() {
        return pool.layout();
    }

    @Override
    public long bytes(int tokens) {
        return (tokens + KvPages.PAGE - 1) / KvPages.PAGE * pool.pageBytes();
    }

    @Override
    public void save(WritableByteChannel to) throws IOException {
        int whole = length / KvPages.PAGE;
        for (int p = 0; p < whole; p++) {
            write(pool, table[p], to);
        }
        if (whole < pages) {
            writeBeginning(table[whole], length - whole * KvPages.PAGE, to);
        }
    }

    /** Writes a page of which {@code tokens} are this sequence's: what others have, or left, behind them is neither written nor changed. */
    private void writeBeginning(int page, int tokens, WritableByteChannel to) throws IOException {
        int copy = pool.copy(page);
        try {
            for (int l = 0; l < pool.layers(); l++) {
                pool.layer(l).clear(copy, tokens);
            }
            write(pool, copy, to);
        } finally {
            pool.give(copy);
        }
    }

    private static void write(PagePool pool, int page, WritableByteChannel to) throws IOException {
        for (int l = 0; l < pool.layers(); l++) {
            for (MemorySegment part : pool.layer(l).memory(page)) {
                to.write(part.asByteBuffer());
            }
        }
    }

    private static void read(PagePool pool, int page, ReadableByteChannel from) throws IOException {
        for (int l = 0; l < pool.layers(); l++) {
            for (MemorySegment part : pool.layer(l).memory(page)) {
                from.read(part.asByteBuffer());
            }
        }
    }

    @Override
    public void load(int tokens, ReadableByteChannel from) throws IOException {
        reserve(tokens);
        for (int p = 0; p < pages; p++) {
            read(pool, table[p], from);
        }
        append(tokens);
    }

    @Override
    public void close() {
        truncate(0);
        if (source != null && !closed) {
            closed = true;
            source.leave();
        }
    }
}
