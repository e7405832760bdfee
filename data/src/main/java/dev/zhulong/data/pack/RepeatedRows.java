package dev.zhulong.data.pack;

/**
 * The rows of a first epoch in every epoch, each time in another order: where something is kept of each row, it has to come again as it was.
 *
 * @param of   whose first epoch it is
 * @param seed of the orders
 */
public record RepeatedRows(Rows of, long seed) implements Rows {
    @Override
    public int seq() {
        return of.seq();
    }

    @Override
    public long rowsPerEpoch() {
        return of.rowsPerEpoch();
    }

    @Override
    public void fill(long row, Batch batch, int at) {
        long epoch = row / rowsPerEpoch();
        long place = row % rowsPerEpoch();
        of.fill(epoch == 0 ? place : new Permutation(rowsPerEpoch(), Mix.mix(seed, epoch)).at(place), batch, at);
    }
}
