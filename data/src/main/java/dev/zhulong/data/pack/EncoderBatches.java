package dev.zhulong.data.pack;

import java.util.Arrays;
import java.util.List;

/**
 * Deals the rows of an encoder out to steps and ranks, rows of about equal length together, so that little is filled up. Nothing but seed and step
 * decides a batch; the ranks together take every row exactly once an epoch ({@link RowOrder}).
 */
public final class EncoderBatches {
    private final EncoderRows rows;
    private final int pad;
    private final int batch;
    private final int ranks;
    private final RowOrder order;

    /**
     * @param pad   what rows are filled up with
     * @param batch rows a step on this rank
     * @param rank  this process, from 0
     * @param ranks processes
     */
    public EncoderBatches(EncoderRows rows, int pad, int batch, int rank, int ranks, long seed) {
        this.order = new RowOrder(rows.size(), rows::length, batch, rank, ranks, seed);
        this.rows = rows;
        this.pad = pad;
        this.batch = batch;
        this.ranks = ranks;
    }

    /** All rows to one process. */
    public EncoderBatches(EncoderRows rows, int pad, int batch, long seed) {
        this(rows, pad, batch, 0, 1, seed);
    }

    /** The batch of a step. */
    public EncoderBatch get(long step) {
        return EncoderBatch.of(order.step(step).stream().map(place -> rows.get(place.row(), place.epoch())).toList(), pad, rows.perToken());
    }

    /** Steps in which everything is seen at least once. */
    public long stepsPerEpoch() {
        long perStep = (long) batch * ranks;
        return (rows.size() + perStep - 1) / perStep;
    }

    /** For evaluation: numbers of all rows, those of about equal length together, {@code batch} a batch and the rest in the last. */
    public static List<int[]> byLength(EncoderRows rows, int batch) {
        return RowOrder.byLength(rows.size(), rows::length, batch);
    }

    /** For evaluation: the batch of these rows, as they are in epoch 0. */
    public static EncoderBatch of(EncoderRows rows, int[] numbers, int pad) {
        return EncoderBatch.of(Arrays.stream(numbers).mapToObj(row -> rows.get(row, 0)).toList(), pad, rows.perToken());
    }
}
