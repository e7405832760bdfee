package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Stack;
import dev.zhulong.infer.NoMemoryException;
import dev.zhulong.kernels.KeyStatistics;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.kernels.VectorSupport;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;

/**
 * The pages of all sequences of a model: a page holds {@value KvPages#PAGE} positions of every layer. Pages are made as they are needed, and those
 * given back are used again.
 */
final class PagePool {
    private final KvPages[] layers;
    private final KvPages.Format format;
    private final long pageBytes;
    private String layout;
    private int made;
    private int[] free = new int[16];
    private int freeCount;
    /** Of each page, how many caches and others hold it. */
    private int[] holders = new int[16];

    /** @param route what computes the keys and values, in a word: its bits are its own */
    PagePool(DecoderSpec spec, KvPages.Format format, String route, Arena arena) {
        Stack.Attention attention = spec.layer(0).attention();
        int heads = attention.keptHeads();
        int dim = attention.keptDim();
        this.format = format;
        layers = new KvPages[spec.layers()];
        for (int l = 0; l < layers.length; l++) {
            layers[l] = new KvPages(heads, dim, attention.latent() != null, format, arena);
        }
        layout = "pages of " + KvPages.PAGE + ", " + format + ", " + layers.length + " layers, " + heads + " heads of " + dim + (attention.latent() != null ? " kept once" : format == KvPages.Format.INT4 ? ", on E8 in blocks of " + Integer.lowestOneBit(dim) : "") + ", vectors of "
                + VectorSupport.bits() + " bits, route " + route;
        pageBytes = bytes(spec, format);
    }

    /** Bytes of memory a page takes over all layers. */
    static long bytes(DecoderSpec spec, KvPages.Format format) {
        Stack.Attention attention = spec.layer(0).attention();
        return spec.layers() * KvPages.pageBytes(attention.keptHeads(), attention.keptDim(), attention.latent() != null, format);
    }

    /** Keys to come are rounded by what queries and keys of each layer are like. While no sequence has pages. */
    void fit(KeyStatistics[] statistics) {
        int digest = 0;
        for (int l = 0; l < layers.length; l++) {
            layers[l].fit(statistics[l]);
            digest = 31 * digest + statistics[l].digest();
        }
        layout += ", keys rounded by " + Integer.toHexString(digest);
    }

    KvPages layer(int layer) {
        return layers[layer];
    }

    int layers() {
        return layers.length;
    }

    KvPages.Format format() {
        return format;
    }

    /** What the bytes of a page depend on, but for the weights. */
    String layout() {
        return layout;
    }

    /** Bytes of memory a page takes over all layers. */
    long pageBytes() {
        return pageBytes;
    }

    /** A page that the caller holds alone. */
    synchronized int take() {
        int page = freeCount > 0 ? free[--freeCount] : make();
        holders[page] = 1;
        return page;
    }

    private int make() {
        try {
            for (KvPages layer : layers) {
                layer.grow(made + 1);
            }
        } catch (OutOfMemoryError e) {
            throw new NoMemoryException("no memory for keys and values beyond " + (long) made * KvPages.PAGE + " tokens (" + pageBytes / KvPages.PAGE
                    + " bytes each): shorten the context or the number of sequences", e);
        }
        if (made == holders.length) {
            holders = Arrays.copyOf(holders, 2 * made);
        }
        return made++;
    }

    /** One more holds the page. */
    synchronized void hold(int page) {
        holders[page]++;
    }

    synchronized boolean isShared(int page) {
        return holders[page] > 1;
    }

    /** A page that the caller holds alone, filled as {@code page} is. */
    int copy(int page) {
        int own = take();
        for (KvPages layer : layers) {
            List<MemorySegment> from = layer.memory(page);
            List<MemorySegment> to = layer.memory(own);
            for (int i = 0; i < from.size(); i++) {
                to.get(i).copyFrom(from.get(i));
            }
        }
        return own;
    }

    /** One who holds the page lets it go. */
    synchronized void give(int page) {
        if (--holders[page] > 0) {
            return;
        }
        if (freeCount == free.length) {
            free = Arrays.copyOf(free, 2 * freeCount);
        }
        free[freeCount++] = page;
    }

    /** Pages in use. */
    synchronized int used() {
        return made - freeCount;
    }
}
