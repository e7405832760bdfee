package dev.zhulong.data.pack;

import java.util.List;

/**
 * Rows from several sources in fixed proportions, spread evenly: replay of general text while a model learns a domain, for one. Weights are
 * rounded to {@value #PERIOD}ths, no source to nothing; every {@value #PERIOD} rows hold each source exactly so often, and each source's
 * rows are taken in their own order without a gap, so that within a source the law of its epochs holds.
 */
public final class MixedRows implements Rows {
    /** Rows after which the pattern repeats. */
    public static final int PERIOD = 1024;

    private final List<Rows> sources;
    private final int[] pattern = new int[PERIOD];
    private final int[][] before;
    private final int[] shares;

    /** One source; weights are relative to each other. */
    public record Source(Rows rows, double weight) { }

    public MixedRows(List<Source> sources) {
        if (sources.isEmpty() || sources.size() > PERIOD) {
            throw new IllegalArgumentException("a mixture needs 1 to " + PERIOD + " sources, found " + sources.size());
        }
        for (Source source : sources) {
            if (!(source.weight() > 0) || Double.isInfinite(source.weight())) {
                throw new IllegalArgumentException("a source's weight must be above 0, found " + source.weight());
            }
            if (source.rows().seq() != sources.getFirst().rows().seq()) {
                throw new IllegalArgumentException("sources have rows of different lengths: " + sources.getFirst().rows().seq() + " and "
                        + source.rows().seq());
            }
        }
        this.sources = sources.stream().map(Source::rows).toList();
        this.shares = shares(sources.stream().mapToDouble(Source::weight).toArray());
        this.before = new int[sources.size()][PERIOD + 1];
        spread();
    }

    /** Largest remainders, at least 1 each. */
    private static int[] shares(double[] weights) {
        double sum = 0;
        for (double weight : weights) {
            sum += weight;
        }
        var shares = new int[weights.length];
        int left = PERIOD;
        for (int i = 0; i < weights.length; i++) {
            shares[i] = Math.max(1, (int) Math.floor(weights[i] / sum * PERIOD));
            left -= shares[i];
        }
        while (left != 0) {
            int best = -1;
            double most = Double.NEGATIVE_INFINITY;
            for (int i = 0; i < weights.length; i++) {
                double missing = weights[i] / sum * PERIOD - shares[i];
                double need = left > 0 ? missing : -missing;
                if (need > most && (left > 0 || shares[i] > 1)) {
                    most = need;
                    best = i;
                }
            }
            shares[best] += Integer.signum(left);
            left -= Integer.signum(left);
        }
        return shares;
    }

    /** Each place goes to the source that is furthest behind its share. */
    private void spread() {
        var given = new int[shares.length];
        for (int place = 0; place < PERIOD; place++) {
            int best = 0;
            long most = Long.MIN_VALUE;
            for (int i = 0; i < shares.length; i++) {
                before[i][place] = given[i];
                long behind = (long) shares[i] * (place + 1) - (long) given[i] * PERIOD;
                if (given[i] < shares[i] && behind > most) {
                    most = behind;
                    best = i;
                }
            }
            pattern[place] = best;
            given[best]++;
        }
        for (int i = 0; i < shares.length; i++) {
            before[i][PERIOD] = shares[i];
        }
    }

    @Override
    public int seq() {
        return sources.getFirst().seq();
    }

    /** Rows until the source that takes longest has been through once. */
    @Override
    public long rowsPerEpoch() {
        long most = 0;
        for (int i = 0; i < shares.length; i++) {
            most = Math.max(most, (sources.get(i).rowsPerEpoch() * PERIOD + shares[i] - 1) / shares[i]);
        }
        return most;
    }

    /** Rows of source {@code source} among the first {@code rows}. */
    public long rowsOf(int source, long rows) {
        return rows / PERIOD * shares[source] + before[source][(int) (rows % PERIOD)];
    }

    @Override
    public void fill(long row, Batch batch, int at) {
        int source = pattern[(int) (row % PERIOD)];
        sources.get(source).fill(rowsOf(source, row), batch, at);
    }
}
