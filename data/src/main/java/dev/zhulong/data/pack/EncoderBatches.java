package dev.zhulong.data.pack;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Deals the rows of an encoder out to steps and ranks, rows of about equal length together, so that little is filled up. Nothing but seed and step
 * decides a batch.
 *
 * <p>The law, as of {@link Batches}: the ranks together take every row exactly once an epoch, and a step across two epochs takes what is left of one and the
 * first of the next. An epoch's rows are shuffled, cut into pools of {@value #POOL} steps, sorted by length within a pool, and its steps shuffled.
 */
public final class EncoderBatches {
    private static final int POOL = 50;

    private final EncoderRows rows;
    private final int pad;
    private final int batch;
    private final int rank;
    private final int ranks;
    private final long seed;
    private final Map<Long, int[]> orders = new LinkedHashMap<>();

    /**
     * @param pad   what rows are filled up with
     * @param batch rows a step on this rank
     * @param rank  this process, from 0
     * @param ranks processes
     */
    public EncoderBatches(EncoderRows rows, int pad, int batch, int rank, int ranks, long seed) {
        if (rows.size() == 0) {
            throw new IllegalArgumentException("no rows to train on");
        }
        if (batch < 1 || ranks < 1 || rank < 0 || rank >= ranks) {
            throw new IllegalArgumentException("expected a batch of at least 1 and a rank below ranks, found batch " + batch + ", rank " + rank + " of " + ranks);
        }
        this.rows = rows;
        this.pad = pad;
        this.batch = batch;
        this.rank = rank;
        this.ranks = ranks;
        this.seed = seed;
    }

    /** All rows to one process. */
    public EncoderBatches(EncoderRows rows, int pad, int batch, long seed) {
        this(rows, pad, batch, 0, 1, seed);
    }

    /** The batch of a step. */
    public EncoderBatch get(long step) {
        if (step < 0) {
            throw new IllegalArgumentException("step must not be negative, found " + step);
        }
        List<EncoderRow> taken = new ArrayList<>(batch);
        long first = (step * ranks + rank) * batch;
        for (long at = first; at < first + batch; at++) {
            long epoch = at / rows.size();
            taken.add(rows.get(order(epoch)[(int) (at % rows.size())], epoch));
        }
        return EncoderBatch.of(taken, pad, rows.perToken());
    }

    /** Steps in which everything is seen at least once. */
    public long stepsPerEpoch() {
        long perStep = (long) batch * ranks;
        return (rows.size() + perStep - 1) / perStep;
    }

    /** For evaluation: numbers of all rows, those of about equal length together, {@code batch} a batch and the rest in the last. */
    public static List<int[]> byLength(EncoderRows rows, int batch) {
        int[] order = sorted(rows, IntStream.range(0, rows.size()).toArray());
        return IntStream.iterate(0, at -> at < order.length, at -> at + batch)
                .mapToObj(at -> Arrays.copyOfRange(order, at, Math.min(order.length, at + batch))).toList();
    }

    /** For evaluation: the batch of these rows, as they are in epoch 0. */
    public static EncoderBatch of(EncoderRows rows, int[] numbers, int pad) {
        return EncoderBatch.of(Arrays.stream(numbers).mapToObj(row -> rows.get(row, 0)).toList(), pad, rows.perToken());
    }

    private synchronized int[] order(long epoch) {
        int[] order = orders.get(epoch);
        if (order == null) {
            // a step may lie across two epochs; more are never in use at once
            if (orders.size() == 2) {
                orders.remove(orders.keySet().iterator().next());
            }
            order = ordered(epoch);
            orders.put(epoch, order);
        }
        return order;
    }

    private int[] ordered(long epoch) {
        int n = rows.size();
        int group = (int) Math.min(Integer.MAX_VALUE, (long) batch * ranks);
        var shuffled = new Permutation(n, Mix.mix(seed, 2 * epoch));
        int[] order = IntStream.range(0, n).map(i -> (int) shuffled.at(i)).toArray();
        // the step that the epoch before began takes the first rows as they come
        int begun = (int) (epoch * n % group);
        int head = begun == 0 ? 0 : Math.min(n, group - begun);
        int groups = (n - head) / group;
        for (int from = 0; from < groups; from += POOL) {
            int begin = head + from * group;
            int end = head + Math.min(groups, from + POOL) * group;
            System.arraycopy(sorted(rows, Arrays.copyOfRange(order, begin, end)), 0, order, begin, end - begin);
        }
        int[] out = order.clone();
        if (groups > 1) {
            var steps = new Permutation(groups, Mix.mix(seed, 2 * epoch + 1));
            for (int g = 0; g < groups; g++) {
                System.arraycopy(order, head + (int) steps.at(g) * group, out, head + g * group, group);
            }
        }
        return out;
    }

    private static int[] sorted(EncoderRows rows, int[] numbers) {
        return Arrays.stream(numbers).boxed().sorted(Comparator.comparingInt(rows::length)).mapToInt(Integer::intValue).toArray();
    }
}
