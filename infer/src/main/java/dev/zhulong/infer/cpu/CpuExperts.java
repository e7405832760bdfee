package dev.zhulong.infer.cpu;

import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.kernels.PackedWeights;
import java.util.Arrays;

/**
 * A mixture of experts: each row is given to the few experts its router rates highest, and their results are added, weighted by the softmax over the
 * chosen. The rows that chose an expert are multiplied with it together; an expert that no row chose is not read. What a row gets is added in the order
 * of the experts, so that it does not depend on the rows beside it.
 */
final class CpuExperts implements CpuMlp {
    private final Mlp.Experts shape;
    private final PackedWeights router;
    private final Dense[] experts;

    /** @param router [experts, hidden] */
    CpuExperts(Mlp.Experts shape, PackedWeights router, Dense[] experts) {
        this.shape = shape;
        this.router = router;
        this.experts = experts;
    }

    @Override
    public long bytes() {
        return router.bytes() + Arrays.stream(experts).mapToLong(Dense::bytes).sum();
    }

    @Override
    public void close() {
        Arrays.stream(experts).forEach(Dense::close);
    }

    /** What a pass of so many rows needs besides the buffers of any MLP. */
    static final class Rows {
        private final float[] logits;
        /** By row and rank: which expert, and the weight of its result. */
        private final int[] chosen;
        private final float[] share;
        /** Of an expert: its rows' numbers, the places in {@link #share}, and their values before and after it. */
        private final int[] of;
        private final int[] place;
        private final float[] gathered;
        private final float[][] result;

        Rows(Mlp.Experts shape, int maxRows, int hidden) {
            logits = new float[maxRows * shape.count()];
            chosen = new int[maxRows * shape.chosen()];
            share = new float[maxRows * shape.chosen()];
            of = new int[maxRows];
            place = new int[maxRows];
            gathered = new float[maxRows * hidden];
            result = new float[1][maxRows * hidden];
        }
    }

    /** The MLP of an expert: rows of a first array, its weights, so many rows, to a second. */
    interface Run {
        void dense(Dense expert, float[] in, int rows, float[][] out);
    }

    /** Runs {@code rows} rows of {@code in} to {@code out}, both [rows, hidden]. */
    void run(Products products, Rows buffers, float[] in, int rows, float[] out, Run run) {
        int hidden = router.columns();
        products.activations().set(in, 0, rows, hidden);
        products.matMul().multiply(products.activations(), router, buffers.logits, 0);
        for (int row = 0; row < rows; row++) {
            choose(buffers, row);
        }
        Arrays.fill(out, 0, rows * hidden, 0);
        for (int expert = 0; expert < experts.length; expert++) {
            int count = 0;
            for (int i = 0; i < rows * shape.chosen(); i++) {
                if (buffers.chosen[i] == expert) {
                    int row = i / shape.chosen();
                    buffers.of[count] = row;
                    buffers.place[count] = i;
                    System.arraycopy(in, row * hidden, buffers.gathered, count * hidden, hidden);
                    count++;
                }
            }
            if (count > 0) {
                run.dense(experts[expert], buffers.gathered, count, buffers.result);
                for (int i = 0; i < count; i++) {
                    add(out, buffers.of[i] * hidden, buffers.result[0], i * hidden, buffers.share[buffers.place[i]], hidden);
                }
            }
        }
    }

    private static void add(float[] x, int at, float[] y, int from, float share, int n) {
        for (int i = 0; i < n; i++) {
            x[at + i] += share * y[from + i];
        }
    }

    /** The highest logits of a row, the first of equal ones, with the softmax over them. */
    private void choose(Rows buffers, int row) {
        int count = shape.count();
        int k = shape.chosen();
        float[] logits = buffers.logits;
        double sum = 0;
        for (int rank = 0; rank < k; rank++) {
            int best = -1;
            for (int expert = 0; expert < count; expert++) {
                if (!isChosen(buffers, row, rank, expert) && (best < 0 || logits[row * count + expert] > logits[row * count + best])) {
                    best = expert;
                }
            }
            buffers.chosen[row * k + rank] = best;
            double weight = Math.exp(logits[row * count + best] - logits[row * count + buffers.chosen[row * k]]);
            buffers.share[row * k + rank] = (float) weight;
            sum += weight;
        }
        for (int rank = 0; rank < k; rank++) {
            buffers.share[row * k + rank] /= (float) sum;
        }
    }

    private boolean isChosen(Rows buffers, int row, int ranks, int expert) {
        for (int rank = 0; rank < ranks; rank++) {
            if (buffers.chosen[row * shape.chosen() + rank] == expert) {
                return true;
            }
        }
        return false;
    }
}
