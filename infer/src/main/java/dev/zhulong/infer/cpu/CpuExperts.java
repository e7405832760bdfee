package dev.zhulong.infer.cpu;

import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.kernels.DecoderOps;
import dev.zhulong.kernels.PackedWeights;
import java.util.Arrays;

/**
 * A mixture of experts: each row is given to the few experts its router chooses ({@link ExpertChoice}), and their weighted results are added to those of
 * the expert that all rows share, where there is one. The rows that chose an expert are multiplied with it together; an expert that no row chose is not
 * read. What a row gets is added in the order of the experts, so that it does not depend on the rows beside it.
 */
final class CpuExperts implements CpuMlp {
    private final Mlp.Experts shape;
    private final PackedWeights router;
    private final float[] bias;
    private final ExpertChoice choice;
    private final Dense[] experts;
    private final Dense shared;
    private final float[] sharedScale;

    /**
     * @param router      [experts, hidden]
     * @param bias        of the router, or null
     * @param correction  added to scores for the choice, or null
     * @param shared      null for none
     * @param sharedScale [hidden], or null
     */
    CpuExperts(Mlp.Experts shape, PackedWeights router, float[] bias, float[] correction, Dense[] experts, Dense shared, float[] sharedScale) {
        this.shape = shape;
        this.router = router;
        this.bias = bias;
        this.choice = new ExpertChoice(shape, correction);
        this.experts = experts;
        this.shared = shared;
        this.sharedScale = sharedScale;
    }

    /** The expert that all rows are given to besides; null for none. */
    Dense shared() {
        return shared;
    }

    @Override
    public long bytes() {
        return router.bytes() + Arrays.stream(experts).mapToLong(Dense::bytes).sum() + (shared == null ? 0 : shared.bytes());
    }

    @Override
    public long bytesOfAToken() {
        long idle = Arrays.stream(experts).mapToLong(Dense::bytes).sum() / experts.length * (experts.length - shape.chosen());
        return bytes() - idle;
    }

    @Override
    public void close() {
        Arrays.stream(experts).forEach(Dense::close);
        if (shared != null) {
            shared.close();
        }
    }

    /** What a pass of so many rows needs besides the buffers of any MLP. */
    static final class Rows {
        private final float[] logits;
        /** By row and rank: which expert, and the weight of its result. */
        private final int[] chosen;
        private final float[] share;
        /** By expert, where its choices begin in {@link #order}; and the choices by expert, within one by row. */
        private final int[] begin;
        private final int[] order;
        /** Of an expert: its rows' values before and after it. */
        private final float[] gathered;
        private final float[][] result;

        Rows(Mlp.Experts shape, int maxRows, int hidden) {
            logits = new float[maxRows * shape.count()];
            chosen = new int[maxRows * shape.chosen()];
            share = new float[maxRows * shape.chosen()];
            begin = new int[shape.count() + 1];
            order = new int[maxRows * shape.chosen()];
            gathered = new float[maxRows * hidden];
            result = new float[1][maxRows * hidden];
        }
    }

    /** The MLP of an expert: rows of a first array, its weights, so many rows, to a second. */
    interface Run {
        void dense(Dense expert, float[] in, int rows, float[][] out);
    }

    /** Multiplies what the shared expert made of rows of {@code in} by their scale, where it has one; both [rows, hidden]. */
    void scaleShared(float[] in, int rows, float[] out) {
        if (sharedScale == null) {
            return;
        }
        int hidden = router.columns();
        for (int row = 0; row < rows; row++) {
            double logit = 0;
            for (int i = 0; i < hidden; i++) {
                logit += (double) in[row * hidden + i] * sharedScale[i];
            }
            float scale = (float) (1 / (1 + Math.exp(-logit)));
            for (int i = row * hidden; i < (row + 1) * hidden; i++) {
                out[i] *= scale;
            }
        }
    }

    /** Adds what the experts make of {@code rows} rows of {@code in} to {@code out}, both [rows, hidden]. */
    void run(Products products, Rows buffers, float[] in, int rows, float[] out, Run run) {
        int hidden = router.columns();
        int k = shape.chosen();
        products.activations().set(in, 0, rows, hidden);
        products.matMul().multiply(products.activations(), router, buffers.logits, 0);
        for (int row = 0; row < rows; row++) {
            if (bias != null) {
                DecoderOps.add(buffers.logits, row * shape.count(), bias, 0, shape.count());
            }
            choice.choose(buffers.logits, row * shape.count(), buffers.chosen, buffers.share, row * k);
        }
        sort(buffers, rows * k);
        for (int expert = 0; expert < experts.length; expert++) {
            int first = buffers.begin[expert];
            int count = buffers.begin[expert + 1] - first;
            if (count == 0) {
                continue;
            }
            float[] given = in;
            if (count < rows) {
                given = buffers.gathered;
                for (int i = 0; i < count; i++) {
                    System.arraycopy(in, buffers.order[first + i] / k * hidden, given, i * hidden, hidden);
                }
            }
            run.dense(experts[expert], given, count, buffers.result);
            for (int i = 0; i < count; i++) {
                int place = buffers.order[first + i];
                add(out, place / k * hidden, buffers.result[0], i * hidden, buffers.share[place], hidden);
            }
        }
    }

    /** Choices by expert; those of a row are of different experts. */
    private static void sort(Rows buffers, int choices) {
        int[] begin = buffers.begin;
        Arrays.fill(begin, 0);
        for (int i = 0; i < choices; i++) {
            begin[buffers.chosen[i] + 1]++;
        }
        for (int expert = 1; expert < begin.length; expert++) {
            begin[expert] += begin[expert - 1];
        }
        for (int i = 0; i < choices; i++) {
            buffers.order[begin[buffers.chosen[i]]++] = i;
        }
        // each has moved to where the next begins
        System.arraycopy(begin, 0, begin, 1, begin.length - 1);
        begin[0] = 0;
    }

    private static void add(float[] x, int at, float[] y, int from, float share, int n) {
        for (int i = 0; i < n; i++) {
            x[at + i] += share * y[from + i];
        }
    }
}
