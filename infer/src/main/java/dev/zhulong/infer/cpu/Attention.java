package dev.zhulong.infer.cpu;

import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.kernels.ThreadPool;
import java.util.Arrays;

/**
 * Causal attention of rows of queries over the pages of their sequences' caches. What a row gets is summed over its keys in the order of the
 * positions, whatever rows it is computed with.
 */
final class Attention {
    /** Rows that share a widened page. */
    private static final int ROWS = 8;

    private final DecoderSpec spec;
    private final int group;
    private final float scale;
    private final ThreadLocal<Scratch> scratch;

    /** Rows of one sequence in the batch: from row {@code first} on, {@code count} of them, the first at {@code position}. */
    record Run(PagedCache cache, int first, int count, int position) {}

    private static final class Scratch {
        final float[] page;
        float[] scores = {};

        Scratch(int floats) {
            page = new float[floats];
        }
    }

    Attention(DecoderSpec spec) {
        this.spec = spec;
        group = spec.heads() / spec.kvHeads();
        scale = (float) (1 / Math.sqrt(spec.headDim()));
        scratch = ThreadLocal.withInitial(() -> new Scratch(PagedCache.PAGE * spec.headDim()));
    }

    /**
     * Fills {@code out} [rows, heads * head dim].
     *
     * @param queries rotated, [rows, heads * head dim]
     */
    void apply(int layer, Run[] runs, float[] queries, float[] out, ThreadPool pool) {
        int tasks = Arrays.stream(runs).mapToInt(run -> (run.count + ROWS - 1) / ROWS).sum() * spec.kvHeads();
        pool.run(task -> {
            int kvHead = task % spec.kvHeads();
            int block = task / spec.kvHeads();
            for (Run run : runs) {
                int blocks = (run.count + ROWS - 1) / ROWS;
                if (block < blocks) {
                    int from = block * ROWS;
                    attend(layer, run, kvHead, from, Math.min(run.count, from + ROWS), queries, out);
                    return;
                }
                block -= blocks;
            }
        }, tasks);
    }

    private void attend(int layer, Run run, int kvHead, int from, int to, float[] queries, float[] out) {
        int dim = spec.headDim();
        int window = spec.windows().get(layer);
        int width = spec.heads() * dim;
        int last = run.position + to - 1;
        int first = window == 0 ? 0 : Math.max(0, run.position + from - window + 1);
        int firstPage = first / PagedCache.PAGE;
        int base = firstPage * PagedCache.PAGE;
        int span = last + 1 - base;
        Scratch own = scratch.get();
        if (own.scores.length < (to - from) * group * span) {
            own.scores = new float[(to - from) * group * Math.max(span, 256)];
        }
        float[] scores = own.scores;
        float[] page = own.page;
        for (int p = firstPage; p <= last / PagedCache.PAGE; p++) {
            int tokens = Math.min(PagedCache.PAGE, last + 1 - p * PagedCache.PAGE);
            run.cache.keys(layer, p, kvHead, tokens, page);
            for (int row = from; row < to; row++) {
                int position = run.position + row;
                int low = window == 0 ? 0 : Math.max(0, position - window + 1);
                int begin = Math.max(0, low - p * PagedCache.PAGE);
                int end = Math.min(tokens, position + 1 - p * PagedCache.PAGE);
                for (int g = 0; g < group; g++) {
                    int query = (run.first + row) * width + (kvHead * group + g) * dim;
                    int at = ((row - from) * group + g) * span + p * PagedCache.PAGE - base;
                    for (int t = begin; t < end; t++) {
                        scores[at + t] = Vectors.dot(queries, query, page, t * dim, dim) * scale;
                    }
                }
            }
        }
        for (int row = from; row < to; row++) {
            int position = run.position + row;
            int low = window == 0 ? 0 : Math.max(0, position - window + 1);
            for (int g = 0; g < group; g++) {
                softmax(scores, ((row - from) * group + g) * span + low - base, position + 1 - low);
                int target = (run.first + row) * width + (kvHead * group + g) * dim;
                Arrays.fill(out, target, target + dim, 0);
            }
        }
        for (int p = firstPage; p <= last / PagedCache.PAGE; p++) {
            int tokens = Math.min(PagedCache.PAGE, last + 1 - p * PagedCache.PAGE);
            run.cache.values(layer, p, kvHead, tokens, page);
            for (int row = from; row < to; row++) {
                int position = run.position + row;
                int low = window == 0 ? 0 : Math.max(0, position - window + 1);
                int begin = Math.max(0, low - p * PagedCache.PAGE);
                int end = Math.min(tokens, position + 1 - p * PagedCache.PAGE);
                for (int g = 0; g < group; g++) {
                    int target = (run.first + row) * width + (kvHead * group + g) * dim;
                    int at = ((row - from) * group + g) * span + p * PagedCache.PAGE - base;
                    for (int t = begin; t < end; t++) {
                        Vectors.addScaled(out, target, page, t * dim, dim, scores[at + t]);
                    }
                }
            }
        }
    }

    private static void softmax(float[] x, int at, int n) {
        float max = Float.NEGATIVE_INFINITY;
        for (int i = at; i < at + n; i++) {
            max = Math.max(max, x[i]);
        }
        double sum = 0;
        for (int i = at; i < at + n; i++) {
            x[i] = (float) Math.exp(x[i] - max);
            sum += x[i];
        }
        float inverse = (float) (1 / sum);
        for (int i = at; i < at + n; i++) {
            x[i] *= inverse;
        }
    }
}
