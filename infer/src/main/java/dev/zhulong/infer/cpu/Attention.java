package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.Reach;
import dev.zhulong.formats.Stack;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.kernels.ThreadPool;
import java.util.List;

/**
 * Attention of rows of queries over pages: over those of their sequences as far as these have come, or over those of the sources that these are written of. A task
 * is one head of one row.
 */
final class Attention {
    private final int heads;
    private final int headDim;
    private final int group;
    private final List<Stack.Layer> layers;
    /** Added to the scores of positions of the sequence itself; null for nothing. */
    private final RangeBias bias;
    private final ThreadPool pool;
    private final ThreadPool.Task task = this::head;
    private final ThreadLocal<float[][]> scores = ThreadLocal.withInitial(() -> new float[1][0]);

    private KvPages pages;
    private Reach reach;
    private float scale;
    private float softcap;
    private float[] sinks;
    private PagedCache[] caches;
    private int[] positions;
    private float[] queries;
    private float[] out;
    private boolean across;

    /** @param bias of all layers; null for none */
    Attention(DecoderSpec spec, RangeBias bias, ThreadPool pool) {
        this.bias = bias;
        heads = spec.heads();
        headDim = spec.layer(0).attention().keptDim();
        group = spec.heads() / spec.layer(0).attention().keptHeads();
        layers = spec.stack().layers();
        this.pool = pool;
    }

    /**
     * Fills {@code out} [rows, heads * head dim].
     *
     * @param sinks     a logit a head; null for none
     * @param pages     of layer {@code layer}, which hold the rows' own keys and values already
     * @param caches    each row's sequence
     * @param positions each row's position in it
     * @param queries   rotated, [rows, heads * head dim]
     */
    void apply(int layer, float[] sinks, KvPages pages, int rows, PagedCache[] caches, int[] positions, float[] queries, float[] out) {
        across = false;
        run(layers.get(layer).attention(), sinks, pages, rows, caches, positions, queries, out);
    }

    /** The same over all of each sequence's source. */
    void across(int layer, KvPages pages, int rows, PagedCache[] caches, float[] queries, float[] out) {
        across = true;
        run(layers.get(layer).cross(), null, pages, rows, caches, null, queries, out);
    }

    private void run(Stack.Attention shape, float[] sinks, KvPages pages, int rows, PagedCache[] caches, int[] positions, float[] queries, float[] out) {
        this.pages = pages;
        reach = shape.reach();
        scale = (float) shape.scoreScale();
        softcap = (float) shape.softcap();
        this.sinks = sinks;
        this.caches = caches;
        this.positions = positions;
        this.queries = queries;
        this.out = out;
        pool.run(task, rows * heads);
    }

    private void head(int number) {
        int row = number / heads;
        int head = number % heads;
        int length = across ? caches[row].source().length() : positions[row] + 1;
        int first = across ? 0 : reach.first(positions[row]);
        int global = across ? 0 : Math.min(reach.global(), first);
        boolean biased = bias != null && !across;
        float[][] own = scores.get();
        int room = (length + KvPages.PAGE - 1) / KvPages.PAGE * KvPages.PAGE;
        if (own[0].length < room) {
            own[0] = new float[2 * room];
        }
        int at = (row * heads + head) * headDim;
        pages.attend(queries, at, head / group, across ? caches[row].source().table() : caches[row].table(), global, first, length, scale, softcap,
                sinks == null ? Float.NEGATIVE_INFINITY : sinks[head], biased ? bias.values() : null, biased ? bias.at(head, positions[row]) : 0, own[0], out, at);
    }
}
