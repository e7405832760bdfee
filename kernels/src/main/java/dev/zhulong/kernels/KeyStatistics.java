package dev.zhulong.kernels;

import java.util.Arrays;
import java.util.function.UnaryOperator;

/**
 * What queries and keys of a layer are like, by which {@link KvPages} rounds keys to few bits: of each head of keys their mean, and the mean product of each two dimensions of the queries that
 * look at it. An error e in a key costs each query (q · e)², in the mean eᵀ E[q qᵀ] e.
 */
public final class KeyStatistics {
    /** Of the mean diagonal, what is added to it. */
    private static final double DAMPING = 0.03;
    /** Of products of two different dimensions, what is taken to hold for other texts than those that were fed. */
    private static final double TRUST = 0.5;

    private final int kvHeads;
    private final int headDim;
    private final double[][] products;
    private final double[][] keys;
    private final long[] rows;

    public KeyStatistics(int kvHeads, int headDim) {
        this.kvHeads = kvHeads;
        this.headDim = headDim;
        products = new double[kvHeads][headDim * headDim];
        keys = new double[kvHeads][headDim];
        rows = new long[kvHeads];
    }

    /** Bytes of memory that one takes, with what {@link KvPages#fit} makes of it. */
    public static long bytes(int kvHeads, int headDim) {
        return (long) kvHeads * headDim * headDim * (Double.BYTES + Float.BYTES);
    }

    /**
     * A position's queries and its key of one head of keys, as they meet: turned by their position. Different heads may be fed at the same time.
     *
     * @param q the {@code group} heads of queries that look at it, side by side from {@code qAt} on
     */
    public void feed(int kvHead, float[] q, int qAt, int group, float[] k, int kAt) {
        double[] to = products[kvHead];
        for (int at = qAt; at < qAt + group * headDim; at += headDim) {
            for (int i = 0; i < headDim; i++) {
                double x = q[at + i];
                for (int j = 0; j <= i; j++) {
                    to[i * headDim + j] += x * q[at + j];
                }
            }
        }
        for (int d = 0; d < headDim; d++) {
            keys[kvHead][d] += k[kAt + d];
        }
        rows[kvHead]++;
    }

    int kvHeads() {
        return kvHeads;
    }

    /** What is taken off the keys of a head [head dim]. */
    float[] mean(int head) {
        float[] mean = new float[headDim];
        for (int d = 0; d < headDim; d++) {
            mean[d] = (float) (keys[head][d] / Math.max(1, rows[head]));
        }
        return mean;
    }

    /**
     * What errors of a head's keys cost once these are turned.
     *
     * @param n    dimensions of a turned head
     * @param turn linear, keeps lengths, and gives zeros behind the head's own dimensions
     * @return null where queries were zeros
     */
    E8Rounding.Metric metric(int head, int n, UnaryOperator<float[]> turn) {
        float[][] matrix = new float[headDim][headDim];
        for (int i = 0; i < headDim; i++) {
            for (int j = 0; j < headDim; j++) {
                matrix[i][j] = (float) (products[head][Math.max(i, j) * headDim + Math.min(i, j)] * (i == j ? 1 : TRUST));
            }
        }
        float[][] once = new float[n][headDim];
        for (int i = 0; i < headDim; i++) {
            float[] turned = turn.apply(matrix[i]);
            for (int j = 0; j < n; j++) {
                once[j][i] = turned[j];
            }
        }
        double[][] factor = new double[n][n];
        double trace = 0;
        for (int i = 0; i < n; i++) {
            float[] turned = turn.apply(once[i]);
            for (int j = 0; j < n; j++) {
                factor[i][j] = turned[j];
            }
            trace += factor[i][i];
        }
        if (!(trace > 0) || trace == Double.POSITIVE_INFINITY) {
            return null;
        }
        for (int i = 0; i < n; i++) {
            factor[i][i] += DAMPING * trace / headDim;
        }
        return factored(factor);
    }

    /** Cholesky's, in place. */
    private static E8Rounding.Metric factored(double[][] a) {
        int n = a.length;
        for (int j = 0; j < n; j++) {
            for (int i = j; i < n; i++) {
                double sum = a[i][j];
                for (int k = 0; k < j; k++) {
                    sum -= a[i][k] * a[j][k];
                }
                a[i][j] = i == j ? Math.sqrt(sum) : sum / a[j][j];
            }
        }
        float[] later = new float[n * n];
        float[] counts = new float[n];
        for (int j = 0; j < n; j++) {
            counts[j] = (float) (a[j][j] * a[j][j]);
            for (int i = j + 1; i < n; i++) {
                later[i * n + j] = (float) (a[i][j] / a[j][j]);
            }
        }
        // sizes do not matter, and sums of errors must not overflow
        double largest = 0;
        for (float count : counts) {
            largest = Math.max(largest, count);
        }
        for (int j = 0; j < n; j++) {
            counts[j] /= (float) largest;
        }
        return new E8Rounding.Metric(later, counts);
    }

    /** Digest of what was fed, for telling keys that were rounded by other statistics. */
    public int digest() {
        return 31 * Arrays.deepHashCode(products) + Arrays.deepHashCode(keys);
    }
}
