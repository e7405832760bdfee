package dev.zhulong.data.pack;

/**
 * Deals rows out to steps and ranks: step {@code s} of rank {@code r} has rows {@code (s * ranks + r) * batch} and following. So the ranks
 * together take every row exactly once, an epoch's last step goes on with the next epoch's first rows, and nothing is left out or
 * repeated at the seam.
 *
 * @param rows  where rows come from
 * @param batch rows a step on this rank
 * @param rank  this process, from 0
 * @param ranks processes
 */
public record Batches(Rows rows, int batch, int rank, int ranks) {
    public Batches {
        if (batch < 1 || ranks < 1 || rank < 0 || rank >= ranks) {
            throw new IllegalArgumentException("expected a batch of at least 1 and a rank below ranks, found batch " + batch + ", rank "
                    + rank + " of " + ranks);
        }
    }

    /** All rows to one process. */
    public Batches(Rows rows, int batch) {
        this(rows, batch, 0, 1);
    }

    /** The batch of a step; nothing but the step decides it. */
    public Batch get(long step) {
        if (step < 0) {
            throw new IllegalArgumentException("step must not be negative, found " + step);
        }
        return range((step * ranks + rank) * batch, batch);
    }

    /** {@code count} rows from {@code firstRow} on: for evaluation, which takes the rows of one epoch and no more. */
    public Batch range(long firstRow, int count) {
        var filled = new Batch(count, rows.seq());
        for (int i = 0; i < count; i++) {
            rows.fill(firstRow + i, filled, i);
        }
        return filled;
    }
}
