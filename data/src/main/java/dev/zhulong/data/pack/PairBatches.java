package dev.zhulong.data.pack;

import dev.zhulong.data.pack.PairBatch.Pair;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntUnaryOperator;

/** Deals pairs of texts out to steps, pairs of about equal length together ({@link RowOrder}). Nothing but seed and step decides a batch. */
public final class PairBatches {
    private final List<Pair> pairs;
    private final int pad;
    private final RowOrder order;

    /**
     * @param pad   what sources are filled up with
     * @param batch pairs a step
     */
    public PairBatches(List<Pair> pairs, int pad, int batch, long seed) {
        this.pairs = List.copyOf(pairs);
        this.pad = pad;
        this.order = new RowOrder(pairs.size(), length(pairs), batch, 0, 1, seed);
    }

    /** The batch of a step. */
    public PairBatch get(long step) {
        return PairBatch.of(order.step(step).stream().map(place -> pairs.get(place.row())).toList(), pad);
    }

    /** For evaluation: every pair once. */
    public static List<PairBatch> all(List<Pair> pairs, int pad, int batch) {
        return RowOrder.byLength(pairs.size(), length(pairs), batch).stream()
                .map(numbers -> PairBatch.of(Arrays.stream(numbers).mapToObj(pairs::get).toList(), pad)).toList();
    }

    private static IntUnaryOperator length(List<Pair> pairs) {
        return row -> pairs.get(row).source().length + pairs.get(row).target().length;
    }
}
